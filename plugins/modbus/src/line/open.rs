//! How a line is opened.

use std::io;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio_modbus::client::{rtu, tcp};
use tokio_serial::{DataBits, SerialPortBuilderExt as _, StopBits};
use umec_sdk::exact::Exact;
use umec_spec::settings::modbus::{Line as Settings, Parity, Serial, Transport};

use super::{AskError, Connection, Line};
use crate::tap::Tapped;

/// A host that is there answers sooner.
const CONNECT: Duration = Duration::from_secs(3);

impl Line {
    /// Opens the line.
    pub(crate) async fn open(settings: &Settings) -> Result<Self, AskError> {
        let mut line = Self {
            settings: settings.clone(),
            connection: None,
            timer: Exact::new().map_err(AskError::Open)?,
            quiet_since: Instant::now(),
            hush: None,
            awaited: None,
            doubts: super::Doubts::default(),
        };
        line.reconnect().await?;
        Ok(line)
    }

    /// Opens the line again where it was given up.
    pub(super) async fn reconnect(&mut self) -> Result<(), AskError> {
        if self.connection.is_some() {
            return Ok(());
        }
        let connection = connect(&self.settings.transport);
        self.connection = Some(connection.await.map_err(AskError::Open)?);
        self.quiet_since = Instant::now();
        if let Some(settle) = self.settings.settle {
            self.hush = Some(self.quiet_since + settle.duration());
        }
        Ok(())
    }
}

async fn connect(transport: &Transport) -> io::Result<Connection> {
    match transport {
        Transport::Tcp { address } => {
            let (tapped, tap) = Tapped::new(dial(address).await?);
            let context = tcp::attach(tapped);
            Ok(Connection { context, tap })
        }
        Transport::RtuOverTcp { address } => {
            let (tapped, tap) = Tapped::new(dial(address).await?);
            let context = rtu::attach(tapped);
            Ok(Connection { context, tap })
        }
        Transport::Serial(serial) => {
            let (tapped, tap) = Tapped::new(port(serial)?);
            let context = rtu::attach(tapped);
            Ok(Connection { context, tap })
        }
    }
}

async fn dial(address: &str) -> io::Result<TcpStream> {
    let dialled = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    let stream = dialled.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn port(serial: &Serial) -> io::Result<tokio_serial::SerialStream> {
    let (parity, stop_bits) = match serial.parity {
        Parity::Even => (tokio_serial::Parity::Even, StopBits::One),
        Parity::Odd => (tokio_serial::Parity::Odd, StopBits::One),
        Parity::None => (tokio_serial::Parity::None, StopBits::Two),
    };
    let port = tokio_serial::new(serial.path.to_string_lossy(), serial.baud)
        .data_bits(DataBits::Eight)
        .parity(parity)
        .stop_bits(stop_bits)
        .open_native_async()?;
    Ok(port)
}
