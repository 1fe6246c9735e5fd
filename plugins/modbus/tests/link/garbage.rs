//! Whatever bytes come back, the link goes on: no panic, no end, and no value from a frame that is broken.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use umec_modbus::{ModbusLink, ModbusPlugin};
use umec_sdk::{Fault, Link as _, Plugin as _};
use umec_spec::settings::modbus::Modbus;
use umec_spec::settings::plugin::LinkSettings;

const ANSWERS: usize = 400;

/// Anything at all, and frames that begin like answers.
fn any_answer() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..40);
    let functions = prop::sample::select(vec![1_u8, 2, 3, 4, 5, 6, 15, 16, 17, 24, 43, 0x83, 0xab]);
    let begun = (
        functions,
        prop::collection::vec(any::<u8>(), 0..20),
        any::<u8>(),
    );
    prop_oneof![
        noise,
        begun
            .clone()
            .prop_map(|(function, rest, _)| [vec![1, function], rest].concat()),
        begun.prop_map(|(function, rest, length)| {
            let header = vec![0, 0, 0, 0, 0, length % 24, 1, function];
            [header, rest].concat()
        }),
    ]
}

/// Answers each request with the next of these.
async fn answer(listener: TcpListener, answers: Vec<Vec<u8>>) {
    let mut answers = answers.into_iter().cycle();
    let mut room = [0; 256];
    while let Ok((mut stream, _)) = listener.accept().await {
        while stream.read(&mut room).await.is_ok_and(|read| read > 0) {
            let bytes = answers.next().unwrap_or_default();
            if stream.write_all(&bytes).await.is_err() {
                break;
            }
        }
    }
}

#[tokio::test]
async fn no_bytes_stop_the_link_or_become_a_value() {
    for kind in ["tcp", "rtuOverTcp"] {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let answers = prop::collection::vec(any_answer(), ANSWERS);
        let answers = answers.new_tree(&mut runner).unwrap().current();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let text = format!(
            "
link: {{ transport: {{ kind: {kind}, address: '{address}' }} }}
devices:
- name: wild-1
  timeout: 5ms
  device: {{ unit: 1 }}
  metrics:
  - {{ name: level, every: 1s, source: {{ table: holding, address: 0, type: u32 }} }}
"
        );
        let settings: LinkSettings<Modbus> = umec_spec::yaml::from_str(&text).unwrap();
        let asking = async {
            let (mut open, mut asked) = (None, 0);
            while asked < ANSWERS {
                asked += 1;
                let Some(link) = &mut open else {
                    open = ModbusPlugin::open(&settings).await.ok();
                    continue;
                };
                match read(link).await {
                    Ok(good) => assert_eq!(good, 0, "{kind}"),
                    Err(Fault::Link(_)) => open = None,
                    Err(_) => {}
                }
            }
        };
        let both = async {
            tokio::select! {
                () = answer(listener, answers) => {}
                () = asking => {}
            }
        };
        tokio::time::timeout(Duration::from_mins(2), both)
            .await
            .unwrap();
    }
}

/// One read, and how many good values it gave.
async fn read(link: &mut ModbusLink) -> Result<usize, Fault> {
    let samples = link.read(0, &[0]).await?;
    Ok(samples.iter().filter(|(_, sample)| sample.is_ok()).count())
}
