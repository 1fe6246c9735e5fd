//! Pushing to a real HTTP server that is slow, refuses, or is gone.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::info_span;
use umec_spec::yaml;
use umec_wire::NodeName;

use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

/// How the server answers.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Answers(u16),
    NeverAnswers,
}

struct Server {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    connections: Arc<AtomicUsize>,
    /// Authorization and body of each request.
    requests: mpsc::Receiver<(String, String)>,
    node: Node,
}

impl Server {
    async fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mood, moods) = watch::channel(Mood::Answers(200));
        let (sender, requests) = mpsc::channel(64);
        let connections = Arc::new(AtomicUsize::new(0));
        let node = fresh();
        let (count, tasks) = (Arc::clone(&connections), node.tasks.clone());
        let stopping = node.tasks.stopping();
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (moods, sender) = (moods.clone(), sender.clone());
                let stopping = tasks.stopping();
                let conversation = async move {
                    let answer = service_fn(|request| answer(request, *moods.borrow(), &sender));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer);
                    tokio::select! {
                        ended = connection => drop(ended),
                        () = stopping.cancelled() => {}
                    }
                };
                drop(tasks.spawn(info_span!("caller"), conversation));
            }
        };
        let serving = async move {
            tokio::select! {
                () = serving => {}
                () = stopping.cancelled() => {}
            }
        };
        drop(node.tasks.spawn(info_span!("server"), serving));
        Self {
            address,
            mood,
            connections,
            requests,
            node,
        }
    }

    async fn next(&mut self) -> (String, String) {
        let next = tokio::time::timeout(DEADLINE, self.requests.recv()).await;
        next.unwrap().unwrap()
    }

    async fn stop(self) -> SocketAddr {
        self.node.tasks.drain(DEADLINE).await.unwrap();
        self.address
    }
}

async fn answer(
    request: Request<Incoming>,
    mood: Mood,
    requests: &mpsc::Sender<(String, String)>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let token = request.headers().get("authorization").cloned();
    let token = token.map(|token| token.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    requests
        .send((token.unwrap_or_default(), body))
        .await
        .unwrap();
    match mood {
        Mood::NeverAnswers => std::future::pending().await,
        Mood::Answers(status) => Ok(Response::builder()
            .status(status)
            .body(Full::new(Bytes::from_static(b"its words")))
            .unwrap()),
    }
}

fn fresh() -> Node {
    Node::for_test(NodeName::new("cloud").unwrap(), None)
}

/// A sink that runs, and the file of its token.
struct Sink {
    queue: Arc<Queue>,
    node: Node,
    folder: TempDir,
}

impl Sink {
    fn start(address: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sink = Self {
            queue: Arc::new(Queue::new(Fates::new("grafana", &fresh()))),
            node: fresh(),
            folder,
        };
        sink.token("first");
        let file = sink.folder.path().join("token");
        let text = format!(
            "{{ url: 'http://{address}/api/live/push/umec', tokenFile: {}, every: 5ms, timeout: 300ms }}",
            file.display()
        );
        let settings: Grafana = yaml::from_str(&text).unwrap();
        let fates = Fates::new("grafana", &sink.node);
        let queue = Arc::clone(&sink.queue);
        let push = Push::new(settings, queue, fates, &sink.node).unwrap();
        drop(sink.node.tasks.spawn(info_span!("grafana"), push.run()));
        sink
    }

    fn token(&self, token: &str) {
        std::fs::write(self.folder.path().join("token"), format!("{token}\n")).unwrap();
    }

    fn push(&self, number: u32) {
        let value = format!(
            r#"[{{"bn":"pole-7/meter-3/","bt":17000000{number:02},"n":"power","v":{number}}}]"#
        );
        self.queue.push(Packed {
            key: "pole-7/meter-3".to_owned(),
            value: value.into(),
        });
    }

    /// Waits until so many records have met this fate.
    async fn counted(&self, result: &str, count: usize) {
        let line = format!(
            "umec_gateway_sink_records_total{{sink=\"grafana\",result=\"{result}\"}} {count}"
        );
        let mut look = || {
            let text = self.node.metrics.encode();
            let is_there = text.lines().any(|l| l == line);
            std::future::ready(if is_there { Ok(()) } else { Err(text) })
        };
        umec_e2e::eventually_async(DEADLINE, &mut look).await;
    }
}

fn line(number: u32) -> String {
    format!("meter-3,node=pole-7 power={number} 17000000{number:02}000000000\n")
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

#[tokio::test]
async fn readings_are_pushed_as_lines_with_the_token_over_one_connection() {
    let mut server = Server::start(anywhere()).await;
    let sink = Sink::start(server.address);
    for number in 1..=5 {
        sink.push(number);
        let (token, body) = server.next().await;
        assert_eq!((token.as_str(), body), ("Bearer first", line(number)));
    }
    sink.counted("pushed", 5).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    // What comes together goes together.
    for number in 6..=8 {
        sink.push(number);
    }
    let (_, body) = server.next().await;
    assert_eq!(body, [6, 7, 8].map(line).concat());
}

#[tokio::test]
async fn a_grafana_that_is_slow_refuses_or_was_gone_gets_what_it_missed() {
    let mut server = Server::start(anywhere()).await;
    let sink = Sink::start(server.address);
    for (number, mood) in [
        (1, Mood::NeverAnswers),
        (2, Mood::Answers(503)),
        (3, Mood::Answers(401)),
    ] {
        server.mood.send_replace(mood);
        sink.push(number);
        assert_eq!(server.next().await.1, line(number), "{mood:?}");
        sink.token("second");
        server.mood.send_replace(Mood::Answers(200));
        let (token, body) = server.next().await;
        assert_eq!((token.as_str(), body), ("Bearer second", line(number)));
        sink.counted("pushed", usize::try_from(number).unwrap())
            .await;
    }
    let address = server.stop().await;
    sink.push(4);
    let down = "umec_gateway_sink_up{sink=\"grafana\"} 0";
    let mut look = || {
        let is_down = sink.node.metrics.encode().contains(down);
        std::future::ready(is_down.then_some(()).ok_or("up"))
    };
    umec_e2e::eventually_async(DEADLINE, &mut look).await;
    let mut server = Server::start(address).await;
    assert_eq!(server.next().await.1, line(4));
    sink.counted("pushed", 4).await;
}

#[tokio::test]
async fn what_grafana_finds_wrong_is_counted_and_the_next_goes_out() {
    let mut server = Server::start(anywhere()).await;
    let sink = Sink::start(server.address);
    server.mood.send_replace(Mood::Answers(400));
    sink.push(1);
    server.next().await;
    sink.counted("refused", 1).await;
    server.mood.send_replace(Mood::Answers(200));
    sink.push(2);
    assert_eq!(server.next().await.1, line(2));
    sink.counted("pushed", 1).await;
}

#[tokio::test]
async fn a_sink_that_waits_for_grafana_stops_at_once() {
    let mut server = Server::start(anywhere()).await;
    server.mood.send_replace(Mood::NeverAnswers);
    let sink = Sink::start(server.address);
    sink.push(1);
    server.next().await;
    sink.node.tasks.drain(Duration::from_secs(5)).await.unwrap();
}
