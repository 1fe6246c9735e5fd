//! The socket for modems.

use std::net::SocketAddr;

use anyhow::Context as _;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tracing::warn;
use umec_sdk::chain;

/// Bytes of datagrams that wait while a round is under way, with the kernel's for each: more than a tenth of
/// a second at full load, so that uplinks feel the queue before it overflows. The kernel gives
/// `net.core.rmem_max` at most.
const WAITING: usize = 4 << 20;

/// Listens at `address`.
pub(super) async fn listen(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)
        .await
        .with_context(|| format!("listening for modems on {address}"))?;
    if let Err(error) = SockRef::from(&socket).set_recv_buffer_size(WAITING) {
        warn!(error = chain(&error), "the socket's buffer stays small");
    }
    Ok(socket)
}
