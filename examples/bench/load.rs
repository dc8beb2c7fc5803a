//! A small load generator: keep-alive connections, each with one request under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections at once.
pub const CONNECTIONS: usize = 8;

/// No answer takes this long; it only keeps a broken server from hanging the measurement.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a round has shown.
pub struct Round {
    pub elapsed: Duration,
    /// In order.
    pub latencies: Vec<Duration>,
}

impl Round {
    /// Requests per second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency that this share of the requests stays under, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let index = (self.latencies.len() as f64 * share) as usize;
        self.latencies[index.min(self.latencies.len() - 1)].as_secs_f64() * 1000.0
    }
}

/// A request with everything that HTTP/1.1 wants.
pub fn request(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    if !token.is_empty() {
        text += &format!("Authorization: Token {token}\r\n");
    }
    if !body.is_empty() {
        text += &format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// Asks as fast as answers come, for as long as said; every answer has to be a 200.
pub async fn run(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>, time: Duration) -> Round {
    run_on(CONNECTIONS, address, requests, time).await
}

/// As [`run`], on this many connections.
pub async fn run_on(
    connections: usize,
    address: SocketAddr,
    requests: Arc<Vec<Vec<u8>>>,
    time: Duration,
) -> Round {
    let started = Instant::now();
    let until = started + time;
    let mut asking = JoinSet::new();
    for connection in 0..connections {
        let requests = requests.clone();
        asking.spawn(async move {
            let mut client = Client::connect(address).await;
            let mut latencies = Vec::new();
            // Each connection goes through everybody, from a place of its own.
            let mut next = connection * requests.len() / connections;
            loop {
                let sent = Instant::now();
                if sent >= until {
                    return latencies;
                }
                client.ask(&requests[next % requests.len()]).await;
                latencies.push(sent.elapsed());
                next += 1;
            }
        });
    }
    let mut latencies: Vec<Duration> = asking.join_all().await.into_iter().flatten().collect();
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Round { elapsed, latencies }
}

/// One request on a connection of its own; the body.
pub async fn get(address: SocketAddr, path: &str, token: &str) -> String {
    once(address, &request("GET", path, token, "")).await
}

/// One request on a connection of its own; the body.
pub async fn once(address: SocketAddr, request: &[u8]) -> String {
    let mut client = Client::connect(address).await;
    String::from_utf8(client.ask(request).await.to_vec()).unwrap()
}

/// A keep-alive connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Opens one.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: vec![0; 64 * 1024],
        }
    }

    /// The body of the answer, which has to be a 200.
    pub async fn ask(&mut self, request: &[u8]) -> &[u8] {
        let (status, body) = self.answer(request).await;
        assert_eq!(status, "200", "{}", String::from_utf8_lossy(body));
        body
    }

    /// The status and the body of the answer.
    pub async fn answer(&mut self, request: &[u8]) -> (String, &[u8]) {
        self.stream.write_all(request).await.unwrap();
        let mut filled = 0;
        loop {
            let reading = self.stream.read(&mut self.buffer[filled..]);
            let read = timeout(PATIENCE, reading).await.expect("no answer");
            let read = read.unwrap();
            assert_ne!(read, 0, "the server hung up");
            filled += read;
            if let Some((status, head, whole)) = measure(&self.buffer[..filled])
                && filled >= whole
            {
                return (status, &self.buffer[head..whole]);
            }
        }
    }
}

/// The status of an answer, where its head ends, and where its body does, once the head is there.
fn measure(answer: &[u8]) -> Option<(String, usize, usize)> {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).unwrap();
    let status = text.split(' ').nth(1).unwrap().to_owned();
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, length)| length.trim().parse().unwrap());
    Some((status, head, head + length))
}
