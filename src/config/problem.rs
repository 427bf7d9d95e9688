//! What is wrong with a configuration: shown with file, line, caret, what was expected, and a way out.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::code::Code;

/// One file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceText {
    /// Where it lies.
    pub path: PathBuf,
    /// What it says; empty where it could not be read.
    pub text: String,
    /// Its position in the order of reading.
    pub rank: usize,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub source: Arc<SourceText>,
    /// The bytes in question; `None` where the file as a whole is meant.
    pub span: Option<Range<usize>>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its stable code.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub what: String,
    /// Where.
    pub place: Place,
    /// What was expected there.
    pub expected: String,
    /// The other end of a contradiction.
    pub also: Option<Box<(Place, String)>>,
    /// What to do about it.
    pub help: Option<String>,
}

/// All that is wrong, in the order of reading. Never empty where it is returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Place {
    /// A span of a file.
    pub fn new(source: &Arc<SourceText>, span: Range<usize>) -> Self {
        Self {
            source: Arc::clone(source),
            span: Some(span),
        }
    }

    /// A file as a whole.
    pub fn whole(path: &Path, rank: usize) -> Self {
        let source = SourceText {
            path: path.to_owned(),
            text: String::new(),
            rank,
        };
        Self {
            source: Arc::new(source),
            span: None,
        }
    }

    /// Where it comes when somebody reads the files one after the other.
    pub(super) fn position(&self) -> (usize, usize) {
        let start = self.span.as_ref().map_or(0, |span| span.start);
        (self.source.rank, start)
    }

    /// Line and column, both from 1; the column counts characters.
    fn line_and_column(&self) -> Option<(usize, usize)> {
        let start = self.span.as_ref()?.start;
        let before = self.source.text.get(..start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Some((line, column))
    }
}

impl Problem {
    /// A problem with what was expected at its place.
    pub fn new(
        code: Code,
        place: Place,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            code,
            what: what.into(),
            place,
            expected: expected.into(),
            also: None,
            help: None,
        }
    }

    /// The same, with a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with the other end of the contradiction.
    #[must_use]
    pub fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.also = Some(Box::new((place, label.into())));
        self
    }

    /// As a compiler shows it: several lines, no colour.
    pub fn render(&self) -> String {
        let path = self.place.source.path.display().to_string();
        let other_path = self
            .also
            .as_ref()
            .map(|other| other.0.source.path.display().to_string());
        let mut group = Level::ERROR
            .primary_title(self.what.as_str())
            .id(self.code.to_string())
            .elements(std::iter::empty::<Origin<'_>>());
        group = match &self.place.span {
            Some(span) => group.element(self.snippet(span, &path)),
            None => group
                .element(Origin::path(path.as_str()))
                .element(Level::NOTE.message(self.expected.as_str())),
        };
        if let (Some((place, label)), Some(path)) = (self.also.as_deref(), &other_path) {
            group = add_other(group, &self.place, place, label, path);
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        Renderer::plain().render(&[group])
    }

    fn snippet<'a>(
        &'a self,
        span: &Range<usize>,
        path: &'a str,
    ) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let mut snippet = Snippet::source(self.place.source.text.as_str())
            .path(path)
            .annotation(
                AnnotationKind::Primary
                    .span(span.clone())
                    .label(self.expected.as_str()),
            );
        if let Some((other, label)) = self.also.as_deref()
            && other.source == self.place.source
            && let Some(span) = &other.span
        {
            let note = AnnotationKind::Context.span(span.clone());
            snippet = snippet.annotation(note.label(label.as_str()));
        }
        snippet
    }
}

/// The other end, where it stands in another file.
fn add_other<'a>(
    group: Group<'a>,
    here: &Place,
    place: &'a Place,
    label: &'a str,
    path: &'a str,
) -> Group<'a> {
    match &place.span {
        Some(span) if place.source != here.source => {
            let note = AnnotationKind::Context.span(span.clone()).label(label);
            group.element(
                Snippet::source(place.source.text.as_str())
                    .path(path)
                    .annotation(note),
            )
        }
        _ => group,
    }
}

/// One line, for a log.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.place.source.path.display())?;
        if let Some((line, column)) = self.place.line_and_column() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}: {}", self.what, self.expected)
    }
}

impl Problems {
    /// Notes one more.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// In the order in which somebody reads the files.
    pub(super) fn sort(&mut self) {
        self.0
            .sort_by_key(|problem| (problem.place.position(), problem.code));
    }
}

/// Everything, as a compiler shows it.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{}\n", problem.render())?;
        }
        let noun = if self.0.len() == 1 {
            "problem"
        } else {
            "problems"
        };
        write!(
            f,
            "{} {noun} in the configuration; nothing was changed",
            self.0.len()
        )
    }
}

impl std::error::Error for Problems {}
