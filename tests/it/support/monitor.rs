//! An outside monitor that hears haven's heartbeat.

use tokio::net::TcpListener;
use tokio::sync::watch;

/// A URL to be asked, and how often it was.
pub async fn monitor() -> (String, watch::Receiver<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ping/secret", listener.local_addr().unwrap());
    let (heard, hearing) = watch::channel(0);
    let router = axum::Router::new().route(
        "/ping/secret",
        axum::routing::get(async move || heard.send_modify(|heard| *heard += 1)),
    );
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, hearing)
}
