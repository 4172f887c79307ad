//! Two views of the same: redrawn lines on a terminal, one line a change elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use vocab::RunStatus;

use super::Snapshot;
use super::changes::{changes, why};
use super::picture::picture;
use crate::ui::{Tone, Ui, took};

/// A view of a run.
pub(super) struct View {
    ui: Ui,
    last: Option<Snapshot>,
    live: Option<Live>,
}

/// Lines that are redrawn in place.
struct Live {
    area: MultiProgress,
    lines: Vec<ProgressBar>,
}

impl View {
    /// Live on a terminal that can redraw.
    pub(super) fn new(ui: Ui) -> Self {
        let live = ui.can_redraw().then(|| Live { area: MultiProgress::new(), lines: Vec::new() });
        Self { ui, last: None, live }
    }

    /// Shows how it is now.
    pub(super) fn show(&mut self, snapshot: &Snapshot) {
        match &mut self.live {
            Some(live) => live.draw(self.ui, snapshot),
            None => {
                for change in changes(self.last.as_ref(), snapshot) {
                    let at = took(snapshot.detail.run.duration_ms);
                    self.ui.note(format!("[{at:>9}] {}", self.ui.paint_note(change.tone, change.text)));
                }
            }
        }
        self.last = Some(snapshot.clone());
    }

    /// Shows how it ended, and what it leaves to look at.
    pub(super) fn close(self, snapshot: &Snapshot, left: &[String]) {
        if let Some(live) = self.live {
            // The last picture stays on the screen.
            live.lines.iter().for_each(ProgressBar::abandon);
            for step in snapshot.detail.steps.iter().filter(|step| step.error.is_some()) {
                self.ui.note(self.ui.paint_note(Tone::Bad, format!("{}{}", step.path, why(step))));
            }
        }
        for text in left {
            self.ui.note(text);
        }
        let run = &snapshot.detail.run;
        let tone = if run.status == RunStatus::Succeeded { Tone::Good } else { Tone::Bad };
        let mut text = format!("{} {} in {}", run.workflow, run.status, took(run.duration_ms));
        if run.compensation != vocab::Compensation::NotNeeded {
            text = format!("{text}, compensation {}", run.compensation);
        }
        self.ui.note(self.ui.paint_note(tone, text));
        if let Some(error) = &run.error {
            self.ui.note(format!("  {error}"));
        }
    }
}

impl Live {
    fn draw(&mut self, ui: Ui, snapshot: &Snapshot) {
        let picture = picture(snapshot);
        while self.lines.len() < picture.len() {
            // A line that is too long is cut: wrapped, it would be no line of the graph any more.
            // The template is fixed and valid; should it not be, the default style shows the message too.
            let style = ProgressStyle::with_template("{wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            self.lines.push(self.area.add(ProgressBar::new_spinner().with_style(style)));
        }
        while self.lines.len() > picture.len() {
            if let Some(line) = self.lines.pop() {
                line.finish_and_clear();
            }
        }
        for (bar, line) in self.lines.iter().zip(picture) {
            bar.set_message(ui.paint_note(line.tone, line.text));
            bar.tick();
        }
    }
}
