//! Lists of tools, and the tools in them.

use mcpc::{AnyTool, Sender, Server, Tools, tools};
use serde_json::json;

use crate::support::{Mcpc, Plain};

/// Adds two numbers.
#[mcpc::tool(read_only, title = "Addition")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Deletes everything.
#[mcpc::tool]
async fn delete() {}

/// Works.
#[mcpc::background(patience = "0s")]
async fn work(sender: Sender) -> &'static str {
    sender.send("begun").await;
    "done"
}

fn names(tools: &Tools) -> Vec<String> {
    tools.iter().map(|tool| tool.name().to_owned()).collect()
}

fn refused(tools: Tools) -> String {
    Server::new("values").tools(tools).check().expect_err("it is not built").to_string()
}

#[test]
fn a_tool_says_what_it_says_of_itself() {
    let said = |tool: &AnyTool| {
        let title = tool.title().map(str::to_owned);
        (tool.description().to_owned(), title, tool.is_background(), tool.is_read_only())
    };
    let all: Vec<_> = tools![add, work].iter().map(said).collect();
    let add = ("Adds two numbers.".to_owned(), Some("Addition".to_owned()), false, true);
    assert_eq!(all, [add, ("Works.".to_owned(), None, true, false)]);
}

#[test]
fn lists_are_joined_filtered_and_prefixed() {
    let mut all = tools![add].prefix("math_") + tools![delete];
    all.extend(tools![work]);
    assert_eq!(names(&all), ["math_add", "delete", "work"]);
    assert_eq!((all.len(), all.is_empty()), (3, false));
    let reads = all.clone().filter(AnyTool::is_read_only);
    assert_eq!(names(&reads), ["math_add"]);
    let renamed: Tools = all
        .into_iter()
        .map(|tool| format!("{}2", tool.name()))
        .zip(tools![add, delete])
        .map(|(name, tool)| tool.renamed(name))
        .collect();
    assert_eq!(names(&renamed), ["math_add2", "delete2"]);
    assert!(Tools::default().is_empty());
}

#[test]
fn a_server_is_not_built_of_names_that_clients_do_not_take() {
    assert_eq!(
        refused(tools![add].prefix("math/")),
        "the tool `math/add` cannot have this name: a tool's name is made of letters, digits, `_`, `-` and `.`; \
         `/` is none of them"
    );
    let long = "m".repeat(126);
    assert_eq!(
        refused(tools![add].prefix(&long)),
        format!(
            "the tool `{long}add` cannot have this name: a tool's name has 1 to 128 characters"
        )
    );
    assert!(Server::new("values").tools(tools![add].prefix(&long[1..])).check().is_ok());
    let renamed = |name: &str| {
        let name = name.to_owned();
        refused(tools![add].into_iter().map(|tool| tool.renamed(name.as_str())).collect())
    };
    assert_eq!(
        renamed(""),
        "the tool `` cannot have this name: a tool's name has 1 to 128 characters"
    );
    assert_eq!(
        renamed("_mcpc_init"),
        "the tool `_mcpc_init` cannot have this name: `_mcpc_init` is how clients find MCPC; choose another name"
    );
    assert_eq!(
        renamed("check_task"),
        "the tool `check_task` cannot have this name: `check_task` controls tasks; choose another name"
    );
    let twice = refused(
        tools![add] + tools![delete].into_iter().map(|it| it.renamed("add")).collect::<Tools>(),
    );
    assert!(twice.starts_with("two tools are called `add`: tests/it/tools/values.rs:"), "{twice}");
    let as_control =
        refused(tools![work, add].into_iter().map(|it| it.renamed("check_task")).collect());
    assert!(as_control.contains("controls tasks"), "{as_control}");
}

#[tokio::test(start_paused = true)]
async fn every_client_calls_a_tool_by_the_name_that_it_has_in_the_list() {
    let server = || Server::new("values").tools(tools![add, work].prefix("git_"));
    let mut plain = Plain::connect(server()).await;
    assert_eq!(
        plain.names().await,
        ["git_add", "git_work", "check_task", "stop_task", "message_task"]
    );
    assert_eq!(plain.ask("git_add", json!({"a": 1, "b": 2})).await.0, "3");
    let (text, is_error) = plain.ask("add", json!({"a": 1, "b": 2})).await;
    assert!(is_error && text.starts_with("unknown tool `add`"), "{text}");
    let (ticket, task_id) = plain.ticket("git_work", json!({})).await;
    assert!(ticket.starts_with("`git_work` was started"), "{ticket}");
    let (checked, _) = plain.check(&task_id, 1).await;
    assert!(
        checked.starts_with(&format!("Task `{task_id}` (`git_work`) is complete")),
        "{checked}"
    );

    let mut mcpc = Mcpc::connect(server()).await;
    mcpc.start("t", "git_work", json!({})).await;
    for event in ["created", "update", "complete"] {
        let message = mcpc.message().await;
        assert_eq!((&message["event"], &message["tool_name"]), (&json!(event), &json!("git_work")));
    }
}
