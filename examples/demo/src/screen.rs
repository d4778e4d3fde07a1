//! What is shown of what happens: lines, lines above bars on a terminal, or JSON.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::{Color, Style, style};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio::time::Instant;

use crate::event::{DEMO, Event, Kind, rounded};

/// How long a line may be; the rest goes below.
const WIDTH: usize = 79;

/// Where the text of a line begins.
const MARGIN: usize = 16;

/// A line of `--json`.
#[derive(Serialize)]
struct Timed<'a> {
    part: u32,
    /// Since the part began.
    seconds: f64,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

pub(crate) struct Screen {
    format: Format,
    state: Mutex<State>,
}

enum Format {
    Json,
    Lines,
    Bars(MultiProgress),
}

struct State {
    part: u32,
    start: Instant,
    /// Of each deployment and its client, how many quarters were shown.
    quarters: BTreeMap<(String, String), u64>,
    bars: BTreeMap<(String, String), ProgressBar>,
    /// How long plain calls took in this part.
    answers: Vec<f64>,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        let state = State {
            part: 0,
            start: Instant::now(),
            quarters: BTreeMap::new(),
            bars: BTreeMap::new(),
            answers: Vec::new(),
        };
        Self { format: Format::choose(json), state: Mutex::new(state) }
    }

    /// Begins the next part, in which time counts from now.
    pub(crate) fn part(&self, title: &str) -> io::Result<()> {
        self.clear();
        let mut state = self.state();
        state.part += 1;
        state.start = Instant::now();
        state.answers.clear();
        drop(state);
        self.show(&Event::new(Kind::Part, title))
    }

    pub(crate) fn show(&self, event: &Event<'_>) -> io::Result<()> {
        if let (Kind::Answer, Some(took)) = (event.event, event.milliseconds) {
            self.state().answers.push(took);
        }
        match &self.format {
            Format::Json => self.json(event),
            Format::Lines if event.event == Kind::Progress && !self.is_new_quarter(event) => Ok(()),
            Format::Lines => self.lines(&self.line(event)),
            Format::Bars(bars) => {
                if event.event != Kind::Progress {
                    self.lines(&self.line(event))?;
                }
                self.state().draw(bars, event);
                Ok(())
            }
        }
    }

    /// Waits until so many seconds of this part are over.
    pub(crate) async fn at(&self, seconds: f64) {
        let start = self.state().start;
        tokio::time::sleep_until(start + Duration::from_secs_f64(seconds)).await;
    }

    /// How many plain calls were answered in this part, and the longest time that one took, in milliseconds.
    pub(crate) fn answers(&self) -> (usize, f64) {
        let state = self.state();
        (state.answers.len(), state.answers.iter().copied().fold(0.0, f64::max))
    }

    /// Takes the bars away.
    pub(crate) fn clear(&self) {
        for (_, bar) in std::mem::take(&mut self.state().bars) {
            bar.finish_and_clear();
        }
    }

    fn is_new_quarter(&self, event: &Event<'_>) -> bool {
        let quarter = event.percent.unwrap_or_default() / 25;
        let mut state = self.state();
        let shown = state.quarters.entry(key(event)).or_default();
        let is_new = quarter > *shown && quarter < 4;
        *shown = quarter;
        is_new
    }

    /// An event as a person reads it.
    fn line(&self, event: &Event<'_>) -> String {
        match (event.event, event.client) {
            (Kind::Part, _) => {
                return format!("\n{}", self.styled(&event.text, Style::new().bold()));
            }
            (Kind::Note, DEMO) | (Kind::Next, _) => return event.text.clone(),
            _ => {}
        }
        let seconds = format!("{:5.1} s", self.state().start.elapsed().as_secs_f64());
        let text = wrapped(&event.text).join(&format!("\n{:MARGIN$}", ""));
        let text = match event.event {
            Kind::GivesUp | Kind::Failed => self.styled(&text, Style::new().red()),
            Kind::Complete => self.styled(&text, Style::new().green()),
            _ => text,
        };
        let client = self
            .styled(&format!("{:<5}", event.client), Style::new().fg(colour(event.client)).bold());
        format!("{}  {client}  {text}", self.styled(&seconds, Style::new().dim()))
    }

    fn styled(&self, text: &str, how: Style) -> String {
        match self.format {
            Format::Bars(_) => how.apply_to(text).to_string(),
            Format::Json | Format::Lines => text.to_owned(),
        }
    }

    fn json(&self, event: &Event<'_>) -> io::Result<()> {
        let State { part, start, .. } = *self.state();
        let seconds = rounded(start.elapsed().as_secs_f64());
        self.lines(&serde_json::to_string(&Timed { part, seconds, event })?)
    }

    /// Writes lines, above the bars.
    fn lines(&self, text: &str) -> io::Result<()> {
        match &self.format {
            Format::Bars(bars) => bars.println(text),
            Format::Json | Format::Lines => {
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "{text}")?;
                stdout.flush()
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Format {
    fn choose(json: bool) -> Self {
        let is_terminal = io::stdout().is_terminal();
        match json {
            true => Self::Json,
            false if is_terminal && has_bars(|name| std::env::var(name).unwrap_or_default()) => {
                Self::Bars(MultiProgress::with_draw_target(ProgressDrawTarget::stdout()))
            }
            false => Self::Lines,
        }
    }
}

/// Whether bars are wanted of a terminal, as its environment says.
fn has_bars(variable: impl Fn(&str) -> String) -> bool {
    variable("NO_COLOR").is_empty() && variable("TERM") != "dumb"
}

impl State {
    fn draw(&mut self, bars: &MultiProgress, event: &Event<'_>) {
        let (Some(deployment), false) = (event.deployment, event.event == Kind::Answer) else {
            return;
        };
        let bar = self.bars.entry(key(event)).or_insert_with(|| {
            let bar = bars.add(ProgressBar::new(100));
            let client = style(format!("{:<5}", event.client)).fg(colour(event.client));
            bar.set_prefix(format!("{client} {deployment:<10}"));
            bar
        });
        if event.event == Kind::Waits {
            bar.set_style(looks(SILENCE));
            return bar.enable_steady_tick(Duration::from_millis(100));
        }
        bar.disable_steady_tick();
        bar.set_style(looks(BAR));
        match event.event.last_word() {
            Some(word) => {
                bar.set_position(if event.event == Kind::Complete { 100 } else { bar.position() });
                bar.abandon_with_message(word);
            }
            None => {
                bar.set_position(event.percent.unwrap_or_else(|| bar.position()));
                bar.set_message(event.status.unwrap_or_default().to_owned());
            }
        }
    }
}

/// How a bar looks, and one of a call of which nothing is heard.
const BAR: &str = "{prefix} {bar:30} {percent:>3} %  {msg}";
const SILENCE: &str = "{prefix} {spinner} {elapsed} of silence";

fn looks(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("both are templates");
    style.progress_chars("━━─")
}

fn key(event: &Event<'_>) -> (String, String) {
    (event.client.to_owned(), event.deployment.unwrap_or_default().to_owned())
}

fn colour(client: &str) -> Color {
    match client {
        "MCPC" => Color::Cyan,
        "Tasks" => Color::Magenta,
        "plain" => Color::Yellow,
        _ => Color::Blue,
    }
}

/// A text in lines that fit after the margin.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one from the start");
        match line.chars().count() + 1 + word.chars().count() {
            _ if line.is_empty() => line.push_str(word),
            length if length <= WIDTH - MARGIN => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_and_a_dumb_terminal_have_lines() {
        let asked = |is: &'static str, value: &'static str| {
            has_bars(move |name| if name == is { value.to_owned() } else { String::new() })
        };
        assert!(asked("TERM", "xterm-256color") && asked("TERM", "") && asked("NO_COLOR", ""));
        assert!(!asked("NO_COLOR", "1") && !asked("TERM", "dumb"));
    }

    #[test]
    fn a_long_text_goes_on_below_and_a_long_word_is_left_whole() {
        let word = "w".repeat(WIDTH);
        assert_eq!(wrapped("a text"), ["a text"]);
        assert_eq!(wrapped(&format!("one {word} two")), ["one", &word, "two"]);
        let lines = wrapped(&"word ".repeat(40));
        assert!(lines.iter().all(|line| line.len() <= WIDTH - MARGIN), "{lines:?}");
        assert!(lines[0].len() + "word ".len() > WIDTH - MARGIN, "{lines:?}");
    }
}
