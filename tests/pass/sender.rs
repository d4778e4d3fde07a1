//! `mcpc::Sender` under every name and in every place.

mod renamed {
    use mcpc::Sender as Updates;

    #[mcpc::background]
    pub(crate) async fn imported_as(updates: Updates) {
        updates.progress(1, 1, "done");
    }
}

type Progress = mcpc::Sender;

#[mcpc::background]
async fn alias(to: u32, updates: Progress) -> u32 {
    for at in 0..to {
        updates.progress(at, to, at.to_string());
    }
    to
}

#[mcpc::background]
async fn first(updates: mcpc::Sender, to: u32) -> u32 {
    updates.clone().progress(to, to, "done");
    to
}

#[mcpc::background]
async fn absolute(_updates: ::mcpc::Sender) {}

pub fn main() {
    let _ = mcpc::tools![renamed::imported_as, alias, first, absolute];
}
