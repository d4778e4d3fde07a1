//! What a tool knows of a request, what it asks, and what the server tells outside of calls.

use axum::http::Request;
use mcpc::{Call, NoAnswer, Sender, Server, tools};
use serde_json::json;

use crate::support::{Http, mcpc, text, ticket};

/// Tells who asks.
#[mcpc::tool]
async fn whoami(call: Call) -> String {
    let agent = call.http().and_then(|head| head.headers.get("user-agent")?.to_str().ok());
    let from_layer = call.http().and_then(|head| head.extensions.get::<u8>());
    format!("{:?} {agent:?} {from_layer:?}", call.principal())
}

/// Asks before it goes on.
#[mcpc::background]
async fn sure(sender: Sender) -> Result<String, NoAnswer> {
    Ok(format!("sure: {}", sender.ask::<bool>("Sure?").await?))
}

fn server() -> Server {
    Server::new("http").tools(tools![whoami, sure]).patience(std::time::Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn a_call_knows_its_principal_the_head_of_its_request_and_what_a_layer_put_there() {
    let service = server().build().expect("it can be built");
    let http = service.http().principal(|request| {
        let user = request.headers.get("x-user")?;
        user.to_str().ok().map(str::to_owned)
    });
    let router = http.into_router().expect("it can be served");
    let router = router.layer(tower::util::MapRequestLayer::new(|mut request: Request<_>| {
        request.extensions_mut().insert(7_u8);
        request
    }));
    let client = Http::through(router).with("user-agent", "test").with("x-user", "ann");
    let known = r#"Some("ann") Some("test") Some(7)"#;
    assert_eq!(text(&client.begin().await.call(1, "whoami", json!({})).await), known);
    assert_eq!(text(&client.call_alone(1, "whoami", json!({})).await), known);
    let stdio = mcpc::testing::connect(server(), mcpc::testing::As::Mcpc).await;
    let outcome = stdio.call("whoami", json!({})).await;
    assert_eq!(outcome.result(), Ok("None None None"), "there is no request of HTTP");
}

#[tokio::test(start_paused = true)]
async fn what_a_task_asks_goes_to_the_stream_of_its_session_and_the_answer_comes_by_a_request() {
    let client = Http::to(&server().build().expect("it can be built"));
    let mut begin = crate::support::initialize("2025-11-25");
    begin["params"]["capabilities"] = json!({"elicitation": {"form": {}}});
    let session = client.begin_with(begin).await;
    let mut stream = session.listen(None).await;
    let task_id = ticket(&session.call(1, "sure", json!({})).await);
    let asked = stream.events.message().await;
    assert_eq!(
        (&asked["method"], &asked["params"]["message"]),
        (&json!("elicitation/create"), &json!("Sure?"))
    );
    let answer =
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {}}});
    assert_eq!(session.post(&[], answer).await.status.as_u16(), 202);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let check = json!({"task_id": task_id});
    let checked = session.call(2, "check_task", check).await;
    assert!(text(&checked).contains("sure: true"), "{checked}");
}

#[tokio::test(start_paused = true)]
async fn events_go_to_the_sessions_that_are_meant_and_wait_for_one_that_is_away() {
    let service = server().build().expect("it can be built");
    let events = service.events();
    let client = Http::to(&service);
    let (speaks_mcpc, plain) = (client.begin().await, client.begin().await);
    // Its metadata shows what it speaks, and which session it names.
    speaks_mcpc.call(1, "whoami", mcpc("t", json!({}))).await;
    events.emit("started", json!({"build": 7})).expect("it has a name");
    let mut stream = speaks_mcpc.listen(None).await;
    let event = stream.events.callback().await;
    assert_eq!(
        (&event["event"], &event["session_id"]),
        (&json!("started"), &json!("s")),
        "{event}"
    );
    let mut stream = plain.listen(None).await;
    let message = stream.events.message().await;
    assert_eq!(message["method"], "notifications/message");
    assert_eq!(message["params"]["data"], json!({"event": "started", "data": {"build": 7}}));
}

/// Sells something somewhere.
#[mcpc::tool]
async fn sell(#[arg(header = "Region")] region: String, amount: u64) -> String {
    format!("{amount} in {region}")
}

#[tokio::test(start_paused = true)]
async fn an_argument_that_a_tool_wants_in_a_header_has_to_be_there_without_a_session() {
    let service = Server::new("http").tools(tools![whoami, sell]).build().expect("it is fine");
    let client = Http::to(&service);
    let call = json!({"name": "sell", "arguments": {"region": "Zürich", "amount": 7}});
    let missing = "the header `mcp-param-region` is missing, and the argument `region` is `Zürich`";
    let other = "the header `mcp-param-region` is `Bern`, and the argument `region` is `Zürich`";
    for (header, refusal) in [
        (None, Some(missing)),
        (Some("Bern"), Some(other)),
        (Some("=?base64?WsO8cmljaA==?="), None),
    ] {
        let client = match header {
            Some(value) => client.with("mcp-param-region", value),
            None => client.clone(),
        };
        let answer = client.alone(1, "tools/call", call.clone()).await;
        match refusal {
            None => assert_eq!(text(&answer.events.last().await), "7 in Zürich"),
            Some(refusal) => {
                assert_eq!(answer.status.as_u16(), 400);
                let error = answer.json().await["error"].take();
                assert_eq!(error, json!({"code": -32020, "message": refusal}));
            }
        }
    }
    let in_session = client.begin().await.call(1, "sell", call["arguments"].clone()).await;
    assert_eq!(text(&in_session), "7 in Zürich", "sessions are older than that");
}

#[tokio::test(start_paused = true)]
async fn what_an_open_call_asks_comes_by_its_own_stream() {
    let server = server().patience(std::time::Duration::from_secs(60));
    let client = Http::to(&server.build().expect("it can be built"));
    let mut begin = crate::support::initialize("2025-11-25");
    begin["params"]["capabilities"] = json!({"elicitation": {"form": {}}});
    let session = client.begin_with(begin).await;
    // It has no stream of its session.
    let mut call = session.start(1, "sure", json!({})).await.events;
    let asked = call.message().await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let answer =
        json!({"jsonrpc": "2.0", "id": asked["id"], "result": {"action": "accept", "content": {}}});
    assert_eq!(session.post(&[], answer).await.status.as_u16(), 202);
    assert!(text(&call.last().await).starts_with("sure: true"));
}

/// Asks, and says what came of it.
#[mcpc::tool]
async fn confirm(call: Call) -> Result<String, NoAnswer> {
    Ok(format!("sure: {}", call.ask::<bool>("Sure?").await?))
}

/// They are of many clients, whom nobody tells apart.
#[tokio::test(start_paused = true)]
async fn a_call_that_asked_goes_on_however_many_others_ask_after_it() {
    let service = Server::new("http").tools(tools![confirm]).build().expect("it can be built");
    let client = Http::to(&service);
    let forms = json!({"elicitation": {"form": {}}});
    let mut first = None;
    for id in 1..=300 {
        let call = json!({"name": "confirm", "arguments": {}});
        let asked = client.alone_as(&forms, id, "tools/call", call).await.events.last().await;
        assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
        first.get_or_insert(asked);
    }
    let asked = &first.expect("there is one")["result"];
    let (key, _) = asked["inputRequests"].as_object().and_then(|it| it.iter().next()).expect("one");
    let answers = json!({key: {"action": "accept", "content": {}}});
    let again = json!({"name": "confirm", "requestState": asked["requestState"], "inputResponses": answers});
    let reply = client.alone_as(&forms, 301, "tools/call", again).await.events.last().await;
    assert_eq!(text(&reply), "sure: true");
}
