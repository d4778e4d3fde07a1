//! The rows of the table.

use std::cell::RefCell;

/// How often everything is measured, in turns.
pub(crate) const ROUNDS: usize = 5;

/// What a ratio should be, or a figure that stands alone.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    None,
    AtLeast(f64),
    AtMost(f64),
    /// The figure of ours, whatever it stands beside.
    OursAtMost(f64),
}

struct Row {
    what: String,
    ours: String,
    other: String,
    ratio: String,
    goal: String,
}

/// Collects rows, each of which is also printed as soon as it is known.
#[derive(Default)]
pub(crate) struct Report(RefCell<Vec<Row>>);

impl Report {
    /// Two things measured in turns: each is its median, their ratio that of the rounds' ratios.
    pub(crate) fn compare(
        &self,
        what: &str,
        unit: Unit,
        [(ours, mine), (other, theirs)]: [(&str, &[f64]); 2],
        goal: Goal,
    ) {
        let ratios: Vec<f64> =
            mine.iter().zip(theirs).map(|(mine, theirs)| mine / theirs).collect();
        let ratio = median(&ratios);
        self.add(Row {
            what: what.to_owned(),
            ours: named(ours, &unit.show(median(mine))),
            other: named(other, &unit.show(median(theirs))),
            ratio: format!("{}×", digits(ratio)),
            goal: match goal {
                Goal::OursAtMost(_) => goal.judge(median(mine), |it| unit.show(it)),
                _ => goal.judge(ratio, |it| format!("{}×", digits(it))),
            },
        });
    }

    /// A figure of ours alone.
    pub(crate) fn figure(&self, what: &str, unit: Unit, figure: f64, goal: Goal) {
        self.add(Row {
            what: what.to_owned(),
            ours: unit.show(figure),
            other: String::new(),
            ratio: String::new(),
            goal: goal.judge(figure, |it| unit.show(it)),
        });
    }

    /// Something that cannot be measured here.
    pub(crate) fn skip(&self, what: &str, reason: &str) {
        self.add(Row {
            what: what.to_owned(),
            ours: "skipped".to_owned(),
            other: reason.to_owned(),
            ratio: String::new(),
            goal: String::new(),
        });
    }

    fn add(&self, row: Row) {
        let Row { what, ours, other, ratio, goal } = &row;
        println!("{what}: {ours}; {other} {ratio} {goal}");
        self.0.borrow_mut().push(row);
    }

    /// Prints everything as a table.
    pub(crate) fn print(&self) {
        println!("\n| what | mcpc | beside it | ratio | goal |\n|---|---|---|---|---|");
        for Row { what, ours, other, ratio, goal } in &*self.0.borrow() {
            println!("| {what} | {ours} | {other} | {ratio} | {goal} |");
        }
    }
}

fn named(name: &str, figure: &str) -> String {
    match name {
        "" => figure.to_owned(),
        name => format!("{name}: {figure}"),
    }
}

impl Goal {
    fn judge(self, figure: f64, show: impl Fn(f64) -> String) -> String {
        let (bound, goal, is_met) = match self {
            Self::None => return String::new(),
            Self::AtLeast(least) => ("≥", least, figure >= least),
            Self::AtMost(most) | Self::OursAtMost(most) => ("≤", most, figure <= most),
        };
        let verdict = if is_met { "met" } else { "**missed**" };
        format!("{bound} {}: {verdict}", show(goal))
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Count,
    PerSecond,
    Seconds,
    Milliseconds,
    Microseconds,
    Bytes,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Count => thousands(figure),
            Self::Seconds => format!("{} s", digits(figure)),
            Self::PerSecond => format!("{}/s", thousands(figure)),
            Self::Milliseconds => format!("{} ms", digits(figure)),
            Self::Microseconds => format!("{} µs", digits(figure)),
            Self::Bytes if figure >= f64::from(1 << 20) => {
                format!("{} MiB", digits(figure / f64::from(1 << 20)))
            }
            Self::Bytes if figure >= 10_240.0 => format!("{} KiB", digits(figure / 1024.0)),
            Self::Bytes => format!("{} B", thousands(figure)),
        }
    }
}

/// Three digits that count.
fn digits(figure: f64) -> String {
    match figure.abs() {
        100.0.. => format!("{figure:.0}"),
        10.0.. => format!("{figure:.1}"),
        0.1.. => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

pub(crate) fn thousands(figure: f64) -> String {
    let figure = format!("{figure:.0}");
    let mut shown = String::new();
    for (i, digit) in figure.chars().enumerate() {
        if i > 0 && (figure.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

pub(crate) fn median(figures: &[f64]) -> f64 {
    percentile(figures, 0.5)
}

/// The figure that such a part of all is not above.
pub(crate) fn percentile(figures: &[f64], part: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_unstable_by(f64::total_cmp);
    figures[((figures.len() - 1) as f64 * part).round() as usize]
}

/// Measures all of these in turns, [`ROUNDS`] times.
pub(crate) fn in_turns<const N: usize>(
    mut measured: [&mut dyn FnMut() -> f64; N],
) -> [Vec<f64>; N] {
    let mut figures = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (measure, figures) in measured.iter_mut().zip(&mut figures) {
            figures.push(measure());
        }
    }
    figures
}
