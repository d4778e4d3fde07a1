use mcpc::rmcp::handler::server::tool::InputResponses;

#[mcpc::tool]
async fn add(a: i64, answers: InputResponses) -> i64 {
    drop(answers);
    a
}

fn main() {}
