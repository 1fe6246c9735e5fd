//! Lines are played on ports and pseudo-terminals, and a paced one takes its time.

#![cfg(test)]

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use umec_modbus_line::{Place, Running, start};
use umec_spec::settings::modbus_line::ModbusLineSettings;

/// Holding register 0 shows 7, so that each answer is known.
const UNITS: &str = "
    units:
    - unit: 1
      registers:
      - { register: { table: holding, address: 0 }, wave: { kind: constant, value: 7 } }
";

/// Reads holding register 0 of unit 1; the checksum is by an independent program.
const REQUEST: [u8; 8] = [1, 3, 0, 0, 0, 1, 0x84, 0x0a];
const ANSWER: [u8; 7] = [1, 3, 2, 0, 7, 0xf9, 0x86];

async fn played(offer: &str) -> Running {
    let text = format!("lines:\n  - offer: {offer}{UNITS}");
    let settings: ModbusLineSettings = umec_spec::yaml::from_str(&text).unwrap();
    start(&settings).await.unwrap()
}

#[tokio::test]
async fn a_register_is_read_over_tcp_and_over_rtu_in_tcp() {
    for (offer, request, answer) in [
        (
            "{ kind: tcp, listen: 127.0.0.1:0 }",
            &[0, 9, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1][..],
            &[0, 9, 0, 0, 0, 5, 1, 3, 2, 0, 7][..],
        ),
        (
            "{ kind: rtuOverTcp, listen: 127.0.0.1:0 }",
            &REQUEST[..],
            &ANSWER[..],
        ),
    ] {
        let running = played(offer).await;
        let Place::Tcp(address) = running.lines[0].place else {
            panic!("{:?}", running.lines[0].place);
        };
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut got = vec![0; answer.len()];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(got, answer);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_paced_serial_line_takes_the_time_of_its_wire() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("line");
    let offer = format!(
        "{{ kind: serial, link: {}, baud: 9600, paced: true }}",
        link.display()
    );
    let running = played(&offer).await;
    let mut port =
        tokio_serial::SerialStream::open(&tokio_serial::new(link.to_str().unwrap(), 9_600))
            .unwrap();
    let begin = Instant::now();
    port.write_all(&REQUEST).await.unwrap();
    let mut got = [0; 7];
    port.read_exact(&mut got).await.unwrap();
    let taken = begin.elapsed();
    assert_eq!(got, ANSWER);
    // Fifteen characters of 11 bits and the silence of 3.5 between request and answer.
    let wire = Duration::from_secs(11) * 37 / (2 * 9_600);
    assert!(taken >= wire, "{taken:?} of {wire:?}");
    let counted = running.lines[0].counted();
    assert_eq!(
        (counted.requests, counted.answers, counted.bytes),
        (1, 1, 15)
    );
    assert_eq!(counted.crowded, 0);
    running.stop().await;
    assert!(!link.exists(), "the link goes with the line");
}
