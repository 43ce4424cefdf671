//! One request over HTTP, on a connection of its own as the server wants it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;

use crate::loopback;

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    what: String,
}

impl Answer {
    /// The body, where the status is as it should be.
    pub(crate) fn json<T: DeserializeOwned>(&self, status: u16) -> Result<T> {
        serde_json::from_slice(self.expect(status)?).with_context(|| format!("{}: an odd answer", self.what))
    }

    pub(crate) fn expect(&self, status: u16) -> Result<&Bytes> {
        if self.status != status {
            bail!("{}: {} {}", self.what, self.status, String::from_utf8_lossy(&self.body));
        }
        Ok(&self.body)
    }
}

/// Asks for something with a bearer's token.
pub(crate) async fn get(at: SocketAddr, path: &str, token: &str) -> Result<Answer> {
    send(at, 0, request(Method::GET, path, Some(token)).body(Full::default())?).await
}

/// Sends JSON.
pub(crate) async fn post(
    at: SocketAddr,
    from: usize,
    path: &str,
    token: Option<&str>,
    body: serde_json::Value,
) -> Result<Answer> {
    let request = request(Method::POST, path, token).header(header::CONTENT_TYPE, "application/json");
    send(at, from, request.body(Full::from(body.to_string()))?).await
}

/// Sends JSON that is packed with gzip.
pub(crate) async fn post_packed(at: SocketAddr, from: usize, path: &str, token: &str, body: Bytes) -> Result<Answer> {
    let request = request(Method::POST, path, Some(token))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip");
    send(at, from, request.body(Full::new(body))?).await
}

fn request(method: Method, path: &str, token: Option<&str>) -> hyper::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    match token {
        Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
        None => request,
    }
}

async fn send(at: SocketAddr, from: usize, mut request: Request<Full<Bytes>>) -> Result<Answer> {
    request.headers_mut().insert(header::HOST, at.to_string().parse()?);
    let what = format!("{} {}", request.method(), request.uri().path());
    let stream = loopback::connect(at, from).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        anyhow::Ok((status, body))
    };
    // The connection has to be driven while the answer is awaited; it may well end first, with the answer in hand.
    let drive = async {
        connection.await.ok();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = exchange => {
            let (status, body) = answer.with_context(|| what.clone())?;
            Ok(Answer { status, body, what })
        }
        () = drive => bail!("{what}: no answer"),
    }
}
