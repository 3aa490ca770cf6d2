//! What is waited for, what halts, and what is asked again.

use super::fake::{Fake, Reply};
use super::{get, refused, registry, settings};
use crate::{Login, Registry};
use plimsoll_protocol::Class;
use plimsoll_record::{SchemaId, Schemas};
use plimsoll_sink_api::Secret;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

#[tokio::test]
async fn a_schema_is_asked_for_once_and_kept() {
    let fake = Fake::start(|_| Reply::long()).await;
    let registry = registry(&format!("{}/a/path/", fake.url()));
    assert_eq!(registry.get(Some(SchemaId::Id(7))), None);
    let got = get(&registry, 7).await.expect("a schema");
    assert_eq!(got.text, "\"long\"");
    assert_eq!(got.id, Some(SchemaId::Id(7)));
    assert_eq!(got.origin, "schema 7");
    drop(get(&registry, 7).await.expect("a schema"));
    assert_eq!(registry.get(Some(SchemaId::Id(7))), Some(got));
    assert_eq!(registry.get(None), None);
    assert_eq!(registry.kept().schemas, 1);
    assert_eq!(fake.paths(), ["/a/path/schemas/ids/7"]);
}

#[tokio::test]
async fn a_guid_is_asked_for_by_its_own_path() {
    let fake = Fake::start(|_| Reply::long()).await;
    let registry = registry(&fake.url());
    let guid = SchemaId::Guid(*b"\x11\x11\x11\x11\x22\x22\x33\x33\x44\x44\x55\x55\x55\x55\x55\x55");
    let got = registry.fetch(guid).await.expect("a schema");
    assert_eq!(got.id, Some(guid));
    let path = "/schemas/guids/11111111-2222-3333-4444-555555555555";
    assert_eq!(fake.paths(), [path]);
    fake.answer(|_| Reply::Fault(404, 0));
    let said = refused(registry.fetch(SchemaId::Guid([0; 16])).await, Class::Halt);
    assert!(said.contains("has no GUIDs"), "{said}");
}

#[tokio::test]
async fn who_asks_at_the_same_time_waits_for_the_same_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (held, asked) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (let_go, counted) = (held.clone(), asked.clone());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            counted.fetch_add(1, Ordering::SeqCst);
            let held = held.clone();
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                assert_ne!(stream.read(&mut bytes).await.expect("a request"), 0);
                held.acquire().await.expect("open").forget();
                let answer = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.expect("a client");
            });
        }
    });
    let registry = registry(&url);
    let mut all: Vec<_> = (0..8).map(|_| registry.fetch(SchemaId::Id(7))).collect();
    for fetching in &mut all {
        let pending = poll_fn(|cx| Poll::Ready(fetching.as_mut().poll(cx).is_pending()));
        assert!(pending.await, "the answer is held");
    }
    let_go.add_permits(1);
    for fetching in all {
        refused(fetching.await, Class::Unavailable);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // A failure is not kept: the next one asks again.
    let_go.add_permits(1);
    refused(get(&registry, 7).await, Class::Unavailable);
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    server.abort();
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_any_more_is_kept() {
    let fake = Fake::start(|_| Reply::long()).await;
    let registry = registry(&fake.url());
    let mut fetching = registry.fetch(SchemaId::Id(7));
    let pending = poll_fn(|cx| Poll::Ready(fetching.as_mut().poll(cx).is_pending()));
    assert!(pending.await, "it is asked for");
    drop(fetching);
    while registry.get(Some(SchemaId::Id(7))).is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(fake.paths().len(), 1);
}

#[tokio::test]
async fn an_unknown_id_halts_and_is_asked_for_again() {
    let fake = Fake::start(|_| Reply::Fault(404, 40403)).await;
    let registry = registry(&fake.url());
    for _ in 0..2 {
        let said = refused(get(&registry, 7).await, Class::Halt);
        assert!(
            said.starts_with("the registry does not know schema 7 ("),
            "{said}"
        );
        assert!(
            said.contains("; hint: do the producers use this registry?"),
            "{said}"
        );
    }
    assert_eq!(registry.kept().schemas, 0);
    fake.answer(|_| Reply::long());
    drop(
        get(&registry, 7)
            .await
            .expect("it was registered meanwhile"),
    );
    assert_eq!(fake.paths().len(), 3);
}

#[tokio::test]
async fn an_id_that_no_registry_can_give_is_not_asked_for() {
    let fake = Fake::start(|_| Reply::long()).await;
    let registry = registry(&fake.url());
    let said = refused(get(&registry, 1 << 31).await, Class::Halt);
    assert!(said.contains("registries count to 2147483647"), "{said}");
    for id in [SchemaId::Glue([1; 16]), SchemaId::Fingerprint(1)] {
        let said = refused(registry.fetch(id).await, Class::Halt);
        assert!(said.contains("set schema_file"), "{said}");
    }
    let said = refused(registry.fetch(SchemaId::Global(7)).await, Class::Halt);
    assert!(said.contains("framing = \"confluent\""), "{said}");
    assert_eq!(fake.paths(), [""; 0]);
}

#[tokio::test]
async fn a_registry_that_is_away_or_refuses_is_waited_for() {
    let replies = [
        Reply::Html(500),
        Reply::Html(502),
        Reply::Fault(503, 50301),
        Reply::Html(504),
        Reply::Fault(429, 42901),
        Reply::Html(408),
        Reply::Html(401),
        Reply::Fault(403, 40301),
    ];
    for reply in replies {
        let said = format!("{reply:?}");
        let fake = Fake::start(move |_| reply.clone()).await;
        let registry = registry(&fake.url());
        refused(get(&registry, 7).await, Class::Unavailable);
        assert_eq!(fake.paths().len(), 1, "{said}");
        fake.answer(|_| Reply::long());
        drop(get(&registry, 7).await.expect(&said));
    }
}

#[tokio::test]
async fn what_is_no_registry_halts() {
    let replies = [
        Reply::Html(404),
        Reply::Fault(404, 0),
        Reply::Fault(404, 404),
        Reply::Html(200),
        Reply::Json(serde_json::json!({"id": 7})),
        Reply::Json(serde_json::json!([])),
        Reply::Fault(400, 400),
        Reply::Long((16 << 20) + 1),
        Reply::Redirect("https://login.example/?token=hunter2"),
    ];
    for reply in replies {
        let what = format!("{reply:?}");
        let fake = Fake::start(move |_| reply.clone()).await;
        let registry = registry(&fake.url());
        let said = refused(get(&registry, 7).await, Class::Halt);
        assert!(
            said.contains("hint: is the url of [schema_registry] right?"),
            "{what}: {said}"
        );
        assert!(!said.contains("hunter2"), "{said}");
        assert_eq!(fake.paths(), ["/schemas/ids/7"], "{what}");
    }
}

#[tokio::test]
async fn a_long_answer_is_read_to_its_bound() {
    let text = format!("\"{}\"", "x".repeat(15 << 20));
    let fake = Fake::start(move |_| Reply::Json(serde_json::json!({"schema": text}))).await;
    let got = get(&registry(&fake.url()), 7).await.expect("a schema");
    assert_eq!(got.text.len(), (15 << 20) + 2);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let fake = Fake::start(|_| Reply::Hang).await;
    let mut settings = settings(&[&fake.url()]);
    settings.request_timeout = Duration::from_millis(50);
    let registry = Registry::new(&settings).expect("a registry");
    let said = refused(get(&registry, 7).await, Class::Unavailable);
    assert!(
        said.ends_with("/schemas/ids/7: no answer within 50 ms"),
        "{said}"
    );
    assert_eq!(fake.paths().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        for body in ["{\"sche", ""] {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut bytes = [0; 4096];
            assert_ne!(stream.read(&mut bytes).await.expect("a request"), 0);
            let answer = match body {
                "" => String::new(),
                part => format!("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{part}"),
            };
            stream.write_all(answer.as_bytes()).await.expect("a client");
        }
    });
    let registry = registry(&url);
    for _ in 0..2 {
        let said = refused(get(&registry, 7).await, Class::Unavailable);
        assert!(said.starts_with(&url), "{said}");
    }
    server.await.expect("both were asked for");
    // Nobody listens any more.
    let said = refused(get(&registry, 7).await, Class::Unavailable);
    assert!(said.contains("refused"), "{said}");
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_is_away_and_kept_to() {
    let (broken, good) = (
        Fake::start(|_| Reply::Html(503)).await,
        Fake::start(|_| Reply::long()).await,
    );
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gone_url = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let settings = settings(&[&gone_url, &broken.url(), &good.url()]);
    let registry = Registry::new(&settings).expect("a registry");
    for id in [1, 2] {
        drop(get(&registry, id).await.expect("the third one answers"));
    }
    assert_eq!(broken.paths(), ["/schemas/ids/1"]);
    assert_eq!(good.paths(), ["/schemas/ids/1", "/schemas/ids/2"]);

    good.answer(|_| Reply::Html(500));
    let said = refused(get(&registry, 3).await, Class::Unavailable);
    for url in [&gone_url, &broken.url(), &good.url()] {
        assert!(said.contains(url.as_str()), "{said}");
    }
    // What the first in a state to answer says counts.
    broken.answer(|_| Reply::Fault(404, 40403));
    refused(get(&registry, 3).await, Class::Halt);
    assert_eq!(broken.paths().len(), 3);
}

#[tokio::test]
async fn a_login_is_told_and_never_shown() {
    let password = || Secret::new("hunter:2");
    let basic = Login::Basic {
        user: "alice".to_owned(),
        password: password(),
    };
    let cases = [
        (Login::Anonymous, None),
        (basic, Some("Basic YWxpY2U6aHVudGVyOjI=")),
        (Login::Bearer(password()), Some("Bearer hunter:2")),
    ];
    for (login, want) in cases {
        let want = want.map(str::to_owned);
        let expected = want.clone();
        let fake = Fake::start(move |asked| match asked.authorization == expected {
            true => Reply::long(),
            false => Reply::Html(401),
        })
        .await;
        let mut settings = settings(&[&fake.url()]);
        settings.login = login;
        let registry = Registry::new(&settings).expect("a registry");
        drop(get(&registry, 1).await.expect("let in"));
        assert_eq!(fake.asked()[0].authorization, want);
        fake.answer(|_| Reply::Html(401));
        let said = refused(get(&registry, 2).await, Class::Unavailable);
        assert!(
            said.contains("401") && said.contains("[schema_registry]"),
            "{said}"
        );
        for shown in [said, format!("{registry:?}"), format!("{settings:?}")] {
            assert!(!shown.contains("hunter"), "{shown}");
            assert!(!shown.contains("YWxpY2U6"), "{shown}");
        }
    }
}

#[tokio::test]
async fn settings_of_no_use_are_refused_at_once() {
    let mut broken = settings(&["http://r:8081"]);
    broken.login = Login::Bearer(Secret::new("hunter2\n"));
    let said = Registry::new(&broken)
        .expect_err("a line break")
        .to_string();
    assert!(said.contains("bearer_token"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    for urls in [&[][..], &["r:8081"]] {
        let why = Registry::new(&settings(urls)).expect_err("a bad URL");
        assert_eq!(why.class, Class::Halt);
    }
    let mut missing = settings(&["https://r:8081"]);
    missing.tls.ca_file = Some("/nowhere/ca.pem".into());
    let said = Registry::new(&missing).expect_err("no file").to_string();
    assert!(said.starts_with("/nowhere/ca.pem: "), "{said}");
}
