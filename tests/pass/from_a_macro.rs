//! Tools that a `macro_rules!` macro writes, with every part of them passed in.

use mcpc::Tool;

macro_rules! tool {
    (
        $(#[$attribute:meta])*
        $visibility:vis $name:ident as $public:literal,
        ($($argument:ident: $ty:ty = $default:expr),*) -> $output:ty $body:block
    ) => {
        $(#[$attribute])*
        #[mcpc::tool(name = $public)]
        $visibility async fn $name($(#[arg(default = $default)] $argument: $ty),*) -> $output $body
    };
}

tool! {
    /// Adds two numbers.
    pub(crate) add as "plus", (a: i64 = 1, b: i64 = 2 + 3) -> i64 { a + b }
}

tool! {
    greet as "hello", (name: String = "you", loud: Option<bool> = None) -> Result<String, String> {
        Ok(if loud == Some(true) { name.to_uppercase() } else { name })
    }
}

macro_rules! background {
    ($name:ident, $limit:literal, $sender:ty) => {
        #[mcpc::background]
        async fn $name(#[arg(range = 1..=$limit)] passes: u32, updates: $sender) -> u32 {
            updates.progress(passes, passes, stringify!($name));
            passes
        }
    };
}

background!(few, 10, mcpc::Sender);
background!(many, 1000, mcpc::Sender);

macro_rules! list {
    ($($tool:path),*) => {
        mcpc::tools![$($tool),*]
    };
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let _ = list![add, greet, few, self::many];
    assert_eq!(<add as Tool>::NAME, "plus");
    assert_eq!(add(1, 2).await, 3);
}
