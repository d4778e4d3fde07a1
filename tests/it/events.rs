//! What a server tells without being asked, for every kind of client.

use std::borrow::Cow;
use std::time::Duration;

use mcpc::rmcp::model::{
    ErrorData, ProtocolVersion, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, UnsubscribeRequestParams,
};
use mcpc::rmcp::service::{RequestContext, SubscriptionContext};
use mcpc::rmcp::{RoleServer, ServerHandler};
use mcpc::{Call, Server, Service, tools};
use serde_json::{Value, json};

use crate::support::messages::{CALLBACK, call, in_task, parse, request, text};
use crate::support::{Mcpc, Plain, Wire, WithTasks};

/// Says hello.
#[mcpc::tool]
async fn hello() -> &'static str {
    "hello"
}

/// Emits, and says what came of it.
#[mcpc::tool]
async fn announce(event: String, call: Call) -> Result<&'static str, mcpc::Error> {
    call.emit(&event, json!({"of": "a call"})).await?;
    Ok("announced")
}

/// Emits in a task.
#[mcpc::background]
async fn work(call: Call) -> Result<&'static str, mcpc::Error> {
    call.emit("", ()).await.expect_err("it has no name");
    call.emit("worked", json!({"of": "a task"})).await?;
    Ok("done")
}

fn service() -> Service {
    Server::new("weather").tools(tools![hello]).build().expect("it can be built")
}

/// A client of MCPC whose handshake was answered.
async fn shaken(service: &Service) -> Mcpc {
    let mut client = Mcpc::begin(Wire::to(service)).await;
    let info = json!({"mcpc_info": {"mcpc_enabled": true, "mcpc_version": "0.2.6"}});
    let reply = client.reply("_mcpc_init", info).await;
    assert_eq!(reply["result"]["isError"], false, "{reply}");
    client
}

fn server_event(session_id: &str, event: &str, data: Value) -> Value {
    json!({
        "type": "server_event", "event": event, "session_id": session_id, "task_id": null,
        "tool_name": null, "result": data, "protocol": "mcpc",
    })
}

fn log_message(logger: &str, event: &str, data: Value) -> Value {
    let data = json!({"event": event, "data": data});
    let params = json!({"level": "info", "logger": logger, "data": data});
    json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
}

/// Nothing is sent, not even later.
async fn expect_silence(wire: &mut Wire) {
    let line = tokio::time::timeout(Duration::from_secs(5), wire.lines.next_line()).await;
    assert!(line.is_err(), "{line:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_reaches_every_session_in_the_form_that_its_client_knows() {
    let service = service();
    let events = service.events();
    events.emit("early", 0).expect("nobody hears it");
    let (mut plain, info) = Plain::begin_and_see(Wire::to(&service)).await;
    assert_eq!(info["capabilities"]["logging"], json!({}));
    let (mut one, mut other) = (shaken(&service).await, shaken(&service).await);
    let mut modern = WithTasks::over(Wire::to(&service));
    modern.call("hello", json!({})).await;
    events.emit("rain", json!({"mm": 20.0})).expect("it has a name");
    let line = one.line().await;
    assert_eq!(
        line,
        r#"{"jsonrpc":"2.0","id":"MCPC_CALLBACK","result":{"content":[{"type":"text","text":"{\"type\":\"server_event\",\"event\":\"rain\",\"session_id\":\"default\",\"task_id\":null,\"tool_name\":null,\"result\":{\"mm\":20.0},\"protocol\":\"mcpc\"}"}],"isError":false}}"#
    );
    assert_eq!(other.line().await, line);
    assert_eq!(plain.value().await, log_message("weather", "rain", json!({"mm": 20.0})));
    expect_silence(&mut modern).await;
    for client in [&mut *one, &mut *other] {
        expect_silence(client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_hears_of_events_once_it_has_begun_and_as_it_wants_to() {
    use crate::support::messages::{INITIALIZE, INITIALIZED};
    let service = service();
    let events = service.events();
    let mut wire = Wire::to(&service);
    wire.send(INITIALIZE).await;
    assert_eq!(wire.value().await["id"], "init");
    events.emit("early", ()).expect("it has a name");
    expect_silence(&mut wire).await;
    wire.send(INITIALIZED).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut client = Plain { wire };
    events.emit("heard", ()).expect("it has a name");
    assert_eq!(client.value().await, log_message("weather", "heard", Value::Null));
    assert_eq!(client.set_log_level("warning").await["result"], json!({}));
    events.emit("unwanted", ()).expect("it has a name");
    expect_silence(&mut client).await;
    client.set_log_level("debug").await;
    events.emit("wanted", ()).expect("it has a name");
    assert_eq!(client.value().await, log_message("weather", "wanted", Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_tells_nothing_says_so_and_a_session_that_was_told_that_hears_nothing() {
    let service = service();
    let (mut before, info) = Plain::begin_and_see(Wire::to(&service)).await;
    assert_eq!(info["capabilities"], json!({"tools": {}}));
    service.events().emit("rain", ()).expect("it has a name");
    expect_silence(&mut before).await;
    assert_eq!(before.set_log_level("debug").await["error"]["code"], -32601);
    let mut after = Plain::begin(Wire::to(&service)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.events().emit("rain", ()).expect("it has a name");
    assert_eq!(after.value().await, log_message("weather", "rain", Value::Null));
}

#[tokio::test(start_paused = true)]
async fn one_session_hears_what_is_for_it_and_all_hear_what_is_for_all() {
    let service = service();
    let events = service.events();
    let (mut one, mut other) = (shaken(&service).await, shaken(&service).await);
    let mut plain = Plain::begin(Wire::to(&service)).await;
    for session_id in ["a", "b", "a"] {
        let ids = json!({"mcpc_params": {"session_id": session_id, "task_id": "t"}});
        one.ask("hello", ids).await;
    }
    events.to_session("a").emit("yours", 1).expect("it has a name");
    events.to_session("unknown").emit("nobody's", 1).expect("it has a name");
    events.to_session("default").emit("nobody's", 1).expect("it has a name");
    assert_eq!(one.message().await, server_event("a", "yours", json!(1)));
    events.emit("everybody's", 2).expect("it has a name");
    for session_id in ["b", "a"] {
        assert_eq!(one.message().await, server_event(session_id, "everybody's", json!(2)));
    }
    assert_eq!(other.message().await, server_event("default", "everybody's", json!(2)));
    assert_eq!(plain.value().await, log_message("weather", "everybody's", json!(2)));
    for client in [&mut *one, &mut *other, &mut *plain] {
        expect_silence(client).await;
    }
}

/// A strict client may close on a response that it did not ask for, and knows what it asks for once it has this one.
#[tokio::test(start_paused = true)]
async fn nothing_comes_before_the_reply_to_a_handshake() {
    let server = Server::new("weather").tools(tools![hello]);
    let events = server.events();
    let service = server.build().expect("it can be built");
    let plain = Plain::begin(Wire::to(&service)).await;
    let mut wire = plain.wire;
    wire.send(&call("shake", "is_mcpc_enabled", json!({}))).await;
    // It has been read as soon as events are no log messages any more.
    let mut ids = Vec::new();
    while ids.last() != Some(&json!(CALLBACK)) {
        events.emit("rain", ()).expect("it has a name");
        let value = wire.value().await;
        if value["method"] != "notifications/message" {
            ids.push(value["id"].clone());
        }
    }
    assert_eq!(ids, [json!("shake"), json!(CALLBACK)]);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_is_no_matter_to_the_others() {
    let service = service();
    let events = service.events();
    let (gone, mut stays) = (shaken(&service).await, shaken(&service).await);
    assert_eq!(gone.finish().await, [""; 0]);
    events.emit("rain", 1).expect("it has a name");
    assert_eq!(stays.message().await, server_event("default", "rain", json!(1)));
    assert_eq!(stays.finish().await, [""; 0]);
    events.emit("rain", 2).expect("nobody hears it");
    let mut late = shaken(&service).await;
    events.emit("rain", 3).expect("it has a name");
    assert_eq!(late.message().await, server_event("default", "rain", json!(3)));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_an_error() {
    let events = service().events();
    let error = events.emit("", 1).expect_err("it has no name");
    assert_eq!(error.to_string(), "a server event needs a name");
    let unwritable = std::collections::HashMap::from([((1, 2), 3)]);
    let error = events.to_session("s").emit("pairs", unwritable).expect_err("keys are texts");
    let expected = "the event `pairs` cannot be written as JSON: key must be a string";
    assert_eq!(error.to_string(), expected);
}

/// `emit` waits for nobody, and needs no runtime.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_up_nobody_and_hears_the_latest() {
    const EVENTS: usize = 5_000;
    let server = Server::new("weather").tools(tools![hello]).max_queued_bytes(50_000);
    let service = server.build().expect("it can be built");
    let events = service.events();
    let (mut slow, mut quick) = (shaken(&service).await, shaken(&service).await);
    let text = "x".repeat(1_000);
    for n in 0..EVENTS {
        let (events, text) = (events.clone(), text.clone());
        let emits = move || events.emit("rain", json!([n, text])).expect("it has a name");
        std::thread::spawn(emits).join().expect("no panic");
        assert_eq!(quick.message().await["result"][0], n);
    }
    let mut heard = Vec::new();
    while heard.last() != Some(&(EVENTS - 1)) {
        let n = slow.message().await["result"][0].as_u64().expect("a number");
        heard.push(usize::try_from(n).expect("a small one"));
    }
    // What was on its way, what was queued and what waited beside that.
    assert!((80..300).contains(&heard.len()), "{} events were kept", heard.len());
    assert!(heard.is_sorted() && heard[0] == 0, "{heard:?}");
    let lost: Vec<_> = heard.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert_eq!(lost.len(), 1, "the oldest that waited were left out, and no others: {heard:?}");
    let latest = heard.len() - heard.iter().position(|n| *n == lost[0][1]).expect("it is there");
    assert!((40..60).contains(&latest), "{latest} events waited");
    // It reads again, and misses nothing more.
    events.emit("sun", ()).expect("it has a name");
    assert_eq!(slow.message().await["event"], "sun");
}

#[tokio::test(start_paused = true)]
async fn a_plain_tool_emits_as_a_task_does() {
    let server = || Server::new("weather").tools(tools![announce, work]);
    // With the ids of MCPC, but no handshake.
    let mut client = Mcpc::connect(server()).await;
    let arguments = in_task("t", json!({"event": "rain"}));
    let (before, reply) = client.reply_and_before("announce", arguments).await;
    let before: Vec<_> = before.iter().map(|message| parse(&text(message))).collect();
    assert_eq!(before, [server_event("s", "rain", json!({"of": "a call"}))]);
    assert_eq!(text(&reply), "announced");
    let mut client = Plain::connect(server()).await;
    let (before, _) = client.reply_and_before("announce", json!({"event": "rain"})).await;
    assert_eq!(before, [log_message("announce", "rain", json!({"of": "a call"}))]);
    let unnamed = client.ask("announce", json!({"event": ""})).await;
    assert_eq!(unnamed, ("a server event needs a name".to_owned(), true));
    let (before, reply) = client.reply_and_before("work", json!({})).await;
    assert_eq!(before, [log_message("work", "worked", json!({"of": "a task"}))]);
    assert_eq!(text(&reply), "done", "what cannot be emitted by a call ends no task");
    // A call that asks for it, in a protocol whose calls do.
    let mut client = WithTasks::open(server());
    client.meta["io.modelcontextprotocol/logLevel"] = json!("info");
    client.send_call("call", "announce", json!({"event": "rain"})).await;
    let heard = log_message("announce", "rain", json!({"of": "a call"}));
    assert_eq!(client.value().await, heard);
    assert_eq!(client.value().await["id"], "call");
}

/// A handler of resources and prompts that change.
struct Shelf;

impl ServerHandler for Shelf {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_resources_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .build();
        ServerConfig::new(capabilities)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if request.uri.starts_with("book://slow") {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        match request.uri.starts_with("book://") {
            true => Ok(()),
            false => Err(ErrorData::resource_not_found("no book", None)),
        }
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
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
    let server = Server::new("library").tools(tools![hello]).handler(Shelf);
    server.build().expect("it can be built")
}

fn updated(uri: &str) -> Value {
    let params = json!({"uri": uri});
    json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params})
}

fn list_changed(what: &str) -> Value {
    json!({"jsonrpc": "2.0", "method": format!("notifications/{what}/list_changed")})
}

#[tokio::test(start_paused = true)]
async fn a_session_hears_of_resources_that_it_subscribed_to_and_of_lists() {
    let service = shelf();
    let events = service.events();
    let mut reader = Plain::begin(Wire::to(&service)).await;
    let mut other = Plain::begin(Wire::to(&service)).await;
    for (uri, is_there) in [("book://1", true), ("film://1", false), ("book://2", true)] {
        let reply = reader.request("resources/subscribe", json!({"uri": uri})).await;
        assert_eq!(reply["result"].is_object(), is_there, "{reply}");
    }
    reader.request("resources/unsubscribe", json!({"uri": "book://2"})).await;
    for uri in ["film://1", "book://2", "book://1"] {
        events.resource_updated(uri);
    }
    assert_eq!(reader.value().await, updated("book://1"));
    events.resources_changed();
    events.prompts_changed();
    for client in [&mut *reader, &mut *other] {
        assert_eq!(client.value().await, list_changed("resources"));
        assert_eq!(client.value().await, list_changed("prompts"));
        expect_silence(client).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_subscribes_to_no_more_than_has_room() {
    let mut client = Plain::begin(Wire::to(&shelf())).await;
    for n in 0..20 {
        let uri = format!("book://{n}/{}", "x".repeat(50_000));
        let reply = client.request("resources/subscribe", json!({"uri": uri})).await;
        assert!(reply["result"].is_object(), "{n}: {reply}");
    }
    let uri = format!("book://20/{}", "x".repeat(50_000));
    let reply = client.request("resources/subscribe", json!({"uri": uri})).await;
    let expected = "this connection has too many subscriptions to resources; end some first";
    assert_eq!(reply["error"]["message"], expected);
    let uri = format!("book://0/{}", "x".repeat(50_000));
    client.request("resources/unsubscribe", json!({"uri": uri})).await;
    let reply = client.request("resources/subscribe", json!({"uri": uri})).await;
    assert!(reply["result"].is_object(), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn subscriptions_that_are_asked_for_at_once_are_no_more_than_have_room() {
    let mut client = Plain::begin(Wire::to(&shelf())).await;
    let slow = |n: u32| json!({"uri": format!("book://slow/{n}/{}", "x".repeat(600_000))});
    let subscribe = async |client: &mut Plain, n| {
        let line = request(format!("{n}"), "resources/subscribe", slow(n));
        client.send(&line).await;
    };
    subscribe(&mut client, 1).await;
    subscribe(&mut client, 2).await;
    let replies = [client.value().await, client.value().await];
    let refused = replies.iter().filter(|reply| reply["error"].is_object()).count();
    assert_eq!(refused, 1, "{replies:?}");
    // What the handler refuses takes no room.
    for n in 0..3 {
        let no_book = json!({"uri": format!("film://{n}/{}", "x".repeat(400_000))});
        let reply = client.request("resources/subscribe", no_book).await;
        assert_eq!(reply["error"]["message"], "no book", "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_lists_that_change_tells_a_session_of_none() {
    let service = service();
    let mut client = Plain::begin(Wire::to(&service)).await;
    service.events().resources_changed();
    service.events().prompts_changed();
    service.events().resource_updated("book://1");
    expect_silence(&mut client).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_session_hears_what_it_subscribed_to_until_it_cancels() {
    let service = shelf();
    let events = service.events();
    let mut client = WithTasks::over(Wire::to(&service));
    for (id, filter) in [
        ("books", json!({"resourceSubscriptions": ["book://1"]})),
        ("lists", json!({"resourcesListChanged": true})),
    ] {
        let filter = json!({"notifications": filter});
        client.send_request(id, "subscriptions/listen", filter.clone()).await;
        let acknowledged = client.value().await;
        assert_eq!(acknowledged["params"]["notifications"], filter["notifications"]);
    }
    let of = |id: &str, mut notification: Value| {
        let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
        notification["params"]["_meta"] = meta;
        notification
    };
    events.resource_updated("book://2");
    events.resource_updated("book://1");
    events.prompts_changed();
    events.resources_changed();
    assert_eq!(client.value().await, of("books", updated("book://1")));
    assert_eq!(client.value().await, of("lists", list_changed("resources")));
    client.cancel_request("books").await;
    expect_silence(&mut client).await;
    events.resource_updated("book://1");
    events.resources_changed();
    assert_eq!(client.value().await, of("lists", list_changed("resources")));
    expect_silence(&mut client).await;
}

/// However often it happens while the client does not read.
#[tokio::test(start_paused = true)]
async fn a_change_waits_once_and_is_never_left_out() {
    let server =
        Server::new("library").tools(tools![hello]).handler(Shelf).max_queued_bytes(20_000);
    let service = server.build().expect("it can be built");
    let events = service.events();
    let mut client = Plain::begin(Wire::to(&service)).await;
    client.request("resources/subscribe", json!({"uri": "book://1"})).await;
    let text = "x".repeat(1_000);
    for n in 0..1_000 {
        events.emit("rain", json!([n, text])).expect("it has a name");
        if n >= 500 {
            events.resource_updated("book://1");
            events.resources_changed();
        }
        tokio::task::yield_now().await;
    }
    let mut changes = Vec::new();
    loop {
        let heard = client.value().await;
        match heard["params"]["data"]["data"][0].as_u64() {
            Some(999) => break,
            Some(_) => {}
            None => changes.push(heard),
        }
    }
    assert_eq!(changes, [updated("book://1"), list_changed("resources")]);
}
