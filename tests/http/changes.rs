//! What a server tells outside of calls, to clients whose requests and streams are connections of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::FutureExt as _;
use mcpc::rmcp::ErrorData;
use mcpc::rmcp::ServerHandler;
use mcpc::rmcp::model::{ServerCapabilities, ServerConfig, SubscriptionFilter};
use mcpc::rmcp::service::SubscriptionContext;
use mcpc::{Server, Service, tools};
use serde_json::json;

use crate::add;
use crate::support::Http;

/// Has resources, of which somebody else tells whether they have changed.
struct Shelf;

impl ServerHandler for Shelf {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .build();
        ServerConfig::new(capabilities)
    }

    fn accepted_subscription_filter(
        &self,
        wanted: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(wanted.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        subscription.cancelled().await;
        Ok(())
    }
}

fn shelf() -> Service {
    let server = Server::new("library").tools(tools![add]).handler(Shelf);
    server.build().expect("it can be built")
}

/// A client that has something done elsewhere as soon as it can read something, and goes on when that is done, or waits
/// for what the server is about to do.
struct DoesAtOnce {
    does: Sender<()>,
    done: std::sync::Mutex<Receiver<()>>,
}

impl Wake for DoesAtOnce {
    fn wake(self: Arc<Self>) {
        let _is_first = self.does.send(());
        let done = self.done.lock().expect("no panic");
        let _in_time = done.recv_timeout(Duration::from_millis(200));
    }
}

#[tokio::test]
async fn a_change_after_the_acknowledgement_is_heard_however_soon_it_is() {
    let service = shelf();
    let client = Http::to(&service);
    let filter = json!({"notifications": {"resourceSubscriptions": ["book://1"]}});
    let (does, is_done) = channel();
    let (done, was_done) = channel();
    let events = service.events();
    std::thread::spawn(move || {
        while is_done.recv().is_ok() {
            events.resource_updated("book://1");
            let _is_awaited = done.send(());
        }
    });
    let waker = Waker::from(Arc::new(DoesAtOnce { does, done: was_done.into() }));
    // Whoever waits for the response is woken by the acknowledgement.
    let mut listening = Box::pin(client.alone(1, "subscriptions/listen", filter));
    let mut context = Context::from_waker(&waker);
    let answer = loop {
        match listening.poll_unpin(&mut context) {
            Poll::Ready(answer) => break answer,
            Poll::Pending => tokio::task::yield_now().await,
        }
    };
    let mut events = answer.events;
    let acknowledged = events.message().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    let next = tokio::time::timeout(Duration::from_secs(5), events.message()).await;
    assert_eq!(next.expect("it is told")["method"], "notifications/resources/updated");
}

#[tokio::test(start_paused = true)]
async fn an_event_after_a_session_has_begun_is_heard_however_soon_it_is() {
    let service = shelf();
    let events = service.events();
    let session = Http::to(&service).begin().await;
    events.emit("started", 1).expect("it has a name");
    events.resources_changed();
    let mut stream = session.listen(None).await.events;
    for method in ["notifications/message", "notifications/resources/list_changed"] {
        let heard = tokio::time::timeout(Duration::from_secs(5), stream.message()).await;
        assert_eq!(heard.expect("it is told")["method"], method);
    }
}
