//! The terminal: shows lines in place without flicker, and leaves everything as it was.

use std::io::{self, Stdout, Write};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::queue;
use crossterm::style::{Attribute, Color, Print, ResetColor, SetAttribute, SetForegroundColor};
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};

use crate::view::{Line, Style};

/// The terminal, taken over until this is dropped.
#[derive(Debug)]
pub struct Screen {
    out: Stdout,
    colour: bool,
    before: Option<Termios>,
    shown: Vec<Line>,
    size: (u16, u16),
}

/// A size for terminals that do not tell theirs.
const SIZE: (u16, u16) = (80, 24);

// === impl Screen ===

impl Screen {
    /// Takes the terminal over; typed keys are not shown, Ctrl-C stays a signal.
    pub fn open(colour: bool) -> io::Result<Self> {
        let mut out = io::stdout();
        let before = termios::tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet
                .local_flags
                .remove(LocalFlags::ECHO | LocalFlags::ICANON);
            termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &quiet)?;
        }
        queue!(out, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
        out.flush()?;
        Ok(Self {
            out,
            colour,
            before,
            shown: Vec::new(),
            size: (0, 0),
        })
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = terminal::size().unwrap_or(SIZE);
        (usize::from(width), usize::from(height))
    }

    /// Shows these lines; only those that differ from the ones shown are written.
    pub fn show(&mut self, lines: Vec<Line>) -> io::Result<()> {
        let size = terminal::size().unwrap_or(SIZE);
        queue!(self.out, BeginSynchronizedUpdate)?;
        if size != self.size {
            self.size = size;
            self.shown.clear();
            queue!(self.out, Clear(ClearType::All))?;
        }
        let empty = Line::default();
        for row in 0..lines.len().max(self.shown.len()) {
            let line = lines.get(row).unwrap_or(&empty);
            if self.shown.get(row).unwrap_or(&empty) != line {
                let row = u16::try_from(row).unwrap_or(u16::MAX);
                queue!(self.out, MoveTo(0, row))?;
                write_line(&mut self.out, line, self.colour)?;
                queue!(self.out, Clear(ClearType::UntilNewLine))?;
            }
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()?;
        self.shown = lines;
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that has gone away needs no tidying.
        queue!(self.out, Show, LeaveAlternateScreen).unwrap_or_default();
        self.out.flush().unwrap_or_default();
        if let Some(before) = &self.before {
            termios::tcsetattr(io::stdin(), SetArg::TCSANOW, before).unwrap_or_default();
        }
    }
}

/// Writes a line in its styles, or without colour.
fn write_line(out: &mut impl Write, line: &Line, colour: bool) -> io::Result<()> {
    for (style, text) in line.pieces() {
        let colours = match style {
            _ if !colour => None,
            Style::Plain => None,
            Style::Dim => Some(Color::DarkGrey),
            Style::Heading => Some(Color::Cyan),
            Style::Good => Some(Color::Green),
            Style::Warning => Some(Color::Yellow),
            Style::Bad => Some(Color::Red),
        };
        if let Some(foreground) = colours {
            queue!(out, SetForegroundColor(foreground))?;
        }
        if *style == Style::Heading && colour {
            queue!(out, SetAttribute(Attribute::Bold))?;
        }
        queue!(out, Print(text))?;
        if colours.is_some() {
            queue!(out, SetAttribute(Attribute::Reset), ResetColor)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::Overview;
    use crate::view::layout;

    #[test]
    fn without_colour_a_line_is_plain_text() {
        let line = layout(&Overview::default(), 80, 24).remove(0);
        let mut plain = Vec::new();
        write_line(&mut plain, &line, false).unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), line.text());
        let mut coloured = Vec::new();
        write_line(&mut coloured, &line, true).unwrap();
        assert!(coloured.contains(&0x1b));
    }
}
