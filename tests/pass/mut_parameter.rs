//! `mut` is the function's own business.

#[mcpc::tool]
async fn shout(mut text: String, #[arg(default = 1)] mut times: u8) -> String {
    while times > 0 {
        text.push('!');
        times -= 1;
    }
    text
}

#[mcpc::background]
async fn sorted(mut numbers: Vec<i64>, mut updates: mcpc::Sender) -> Vec<i64> {
    numbers.sort_unstable();
    updates = updates.clone();
    updates.progress(1, 1, "sorted");
    numbers
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = mcpc::tools![shout, sorted];
    assert_eq!(shout("hey".to_owned(), 2).await, "hey!!");
}
