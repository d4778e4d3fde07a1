//! Did you mean ..?

/// What to add to a message about an unknown `name`: the nearest of the `known` names, or all of them.
pub(crate) fn suggest(name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => {
            let list: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("expected one of {}", list.join(", "))
        }
    }
}
