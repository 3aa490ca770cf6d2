//! A registry that answers as a test tells it, and keeps what it was asked.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use axum::response::Response;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Status 200.
    Json(Value),
    /// A status, and a text of HTML.
    Html(u16),
    /// A status, and an error of a registry.
    Fault(u16, i64),
    /// It leads there.
    Redirect(&'static str),
    /// So many bytes.
    Long(usize),
    /// Never.
    Hang,
}

impl Reply {
    /// An Avro schema of a number.
    pub fn long() -> Self {
        Self::Json(json!({"schema": "\"long\""}))
    }

    async fn response(self) -> Response {
        let (status, kind, body) = match self {
            Self::Json(value) => (200, "application/json", value.to_string()),
            Self::Html(status) => (status, "text/html", "<html>Oh</html>".to_owned()),
            Self::Fault(status, code) => {
                let body = json!({"error_code": code, "message": "a fault"});
                (status, "application/json", body.to_string())
            }
            Self::Redirect(to) => {
                let moved = Response::builder().status(302).header(LOCATION, to);
                return moved.body(Body::empty()).expect("a response");
            }
            Self::Long(bytes) => (200, "application/json", " ".repeat(bytes)),
            Self::Hang => std::future::pending().await,
        };
        Response::builder()
            .status(status)
            .header(CONTENT_TYPE, kind)
            .body(body.into())
            .expect("a response")
    }
}

/// One question: the path, and what `Authorization` said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// With its query.
    pub path: String,
    /// Who asked.
    pub authorization: Option<String>,
}

type Answering = Box<dyn Fn(&Asked) -> Reply + Send + Sync>;

struct Shared {
    asked: Mutex<Vec<Asked>>,
    answering: Mutex<Answering>,
}

/// It ends when it is dropped.
pub struct Fake {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Fake {
    pub async fn start(answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        Self::on(listener, address, answering)
    }

    /// On a listener that may speak TLS.
    pub fn on<L>(
        listener: L,
        address: SocketAddr,
        answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self
    where
        L: axum::serve::Listener,
        L::Addr: std::fmt::Debug,
    {
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            answering: Mutex::new(Box::new(answering)),
        });
        let of_server = shared.clone();
        let router = Router::new().fallback(move |request: Request| {
            let header = request.headers().get(AUTHORIZATION);
            let asked = Asked {
                path: request.uri().to_string(),
                authorization: header.map(|it| it.to_str().expect("a text").to_owned()),
            };
            let reply = of_server.answering.lock().expect("a lock")(&asked);
            of_server.asked.lock().expect("a lock").push(asked);
            reply.response()
        });
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("a server");
        });
        Self {
            address,
            shared,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it answers so.
    pub fn answer(&self, answering: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.shared.answering.lock().expect("a lock") = Box::new(answering);
    }

    /// What it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("a lock").clone()
    }

    pub fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}
