//! Events of the YAML parser to a tree, within bounds that hold while it is built.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle};
use vocab::Limits;

use super::node::Weight;
use super::plain::cut;
use super::{Entry, Node, NodeKind, Scalar, ScalarForm, SourceFile, Span, Spanned};
use crate::diagnostic::{Code, Finding, Findings};

/// No operator needs more, and what walks the tree recurses.
const DEEPEST: u64 = 128;

/// Builds the tree of the one document in `source`. `None` when there is none to go on with.
pub(crate) fn compose(source: &SourceFile, limits: &Limits, findings: &mut Findings) -> Option<Rc<Node>> {
    match read(source, limits, findings) {
        Ok(root) => root,
        Err(finding) => {
            findings.push(finding);
            None
        }
    }
}

fn read(source: &SourceFile, limits: &Limits, findings: &mut Findings) -> Result<Option<Rc<Node>>, Finding> {
    let text = bounded(source, limits)?;
    let places = Places::new(text);
    let mut composer = Composer::new(limits, findings);
    let mut documents = 0;
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| not_yaml(source, places.byte(error.marker().index()), error.info()))?;
        let span = Span::new(places.byte(span.start.index()), places.byte(span.end.index()));
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(Finding::new(Code::SeveralDocuments, span, "a second document begins here")
                        .help("a file holds one workflow; put each into a file of its own"));
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                composer.refuse_tag(tag.is_some(), span);
                let form = match style {
                    ScalarStyle::Plain => ScalarForm::Plain,
                    ScalarStyle::SingleQuoted => ScalarForm::SingleQuoted,
                    ScalarStyle::DoubleQuoted => ScalarForm::DoubleQuoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => ScalarForm::Block,
                };
                composer.scalar(value.into_owned(), form, anchor, span)?;
            }
            Event::SequenceStart(anchor, tag) => {
                composer.refuse_tag(tag.is_some(), span);
                composer.open(Open::List(Vec::new()), anchor, span)?;
            }
            Event::MappingStart(anchor, tag) => {
                composer.refuse_tag(tag.is_some(), span);
                composer.open(Open::Map(Vec::new(), HashMap::new(), None), anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => composer.close(span)?,
            Event::Alias(anchor) => composer.alias(anchor, span)?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    let empty = |root: &Rc<Node>| matches!(&root.kind, NodeKind::Scalar(scalar) if scalar.form == ScalarForm::Plain && scalar.text.is_empty());
    let root = composer.root.filter(|root| !empty(root)).ok_or_else(|| {
        Finding::new(Code::Empty, Span::default(), "the file holds no workflow")
            .help("a workflow begins with `apiVersion: imagefactory/v1` and `kind: Workflow`")
    })?;
    Ok(Some(root))
}

fn not_yaml(source: &SourceFile, at: u32, info: &str) -> Finding {
    let span = Span::new(at, at + 1);
    if info.contains("recursion limit") {
        return Finding::new(Code::TooDeep, span, "nested deeper than the parser goes");
    }
    let finding = Finding::new(Code::NotYaml, span, format!("this is not YAML: {info}"));
    let line = source.line(source.locate(span).line);
    if info.contains("double-quoted") && line.contains("${{") {
        return finding.help("in a double-quoted value, write the quotes of an expression as `\\\"`; or put the value in single quotes: '${{ a ?? \"b\" }}'");
    }
    if line.trim_start_matches(' ').starts_with('\t') {
        return finding.help("tabs never indent in YAML; use spaces");
    }
    finding
}

/// The problem of a file with more bytes than are read.
pub(crate) fn too_large(bytes: u64, most: u64) -> Finding {
    let message = format!("the file has {bytes} bytes; at most {most} are read");
    Finding::new(Code::FileTooLarge, Span::default(), message).help(
        "scripts and data belong into files of the repository, which steps read; an operator raises the limit with \
         `limits.workflow_bytes`",
    )
}

/// The text, when it may be read at all.
fn bounded<'a>(source: &'a SourceFile, limits: &Limits) -> Result<&'a str, Finding> {
    let text = source.text();
    // Places are 32 bits wide.
    let most = limits.workflow_bytes.min(u64::from(u32::MAX / 2));
    if source.bytes() > most {
        return Err(too_large(source.bytes(), most));
    }
    if let Some(at) = source.invalid_at() {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        return Err(Finding::new(Code::NotText, Span::new(at, at + 1), "the bytes here are no UTF-8 text"));
    }
    if let Some(at) = text.find('\0') {
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        return Err(Finding::new(
            Code::NotText,
            Span::new(at, at + 1),
            "there is a zero byte here: this is no text",
        ));
    }
    Ok(text)
}

/// Bytes of characters: the parser counts characters.
struct Places {
    offsets: Option<Vec<u32>>,
    length: u32,
}

impl Places {
    fn new(text: &str) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let offsets = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| narrow(at)).collect());
        Self { offsets, length: narrow(text.len()) }
    }

    fn byte(&self, character: usize) -> u32 {
        let found = match &self.offsets {
            Some(offsets) => offsets.get(character).copied(),
            None => u32::try_from(character).ok(),
        };
        found.unwrap_or(self.length).min(self.length)
    }
}

/// A list or a map whose end was not met yet.
enum Open {
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>, HashMap<String, Span>, Option<Spanned<String>>),
}

struct Frame {
    open: Open,
    anchor: usize,
    span: Span,
}

struct Composer<'a> {
    limits: &'a Limits,
    findings: &'a mut Findings,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Rc<Node>>,
    nodes: u64,
    bytes: u64,
    root: Option<Rc<Node>>,
}

impl<'a> Composer<'a> {
    fn new(limits: &'a Limits, findings: &'a mut Findings) -> Self {
        Self { limits, findings, stack: Vec::new(), anchors: HashMap::new(), nodes: 0, bytes: 0, root: None }
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            self.findings.push(
                Finding::new(Code::Tag, span, "tags such as `!!str` are not part of the language")
                    .help("quote a value to make it a text"),
            );
        }
    }

    fn scalar(&mut self, text: String, form: ScalarForm, anchor: usize, span: Span) -> Result<(), Finding> {
        let weight = Weight { nodes: 1, bytes: text.len() as u64, depth: 0 };
        self.spend(weight, span)?;
        if let Some(Frame { open: Open::Map(_, _, key @ None), .. }) = self.stack.last_mut() {
            if anchor > 0 {
                let shared =
                    Node { kind: NodeKind::Scalar(Scalar { text: text.clone(), form }), span, weight };
                self.anchors.insert(anchor, Rc::new(shared));
            }
            *key = Some(Spanned::new(text, span));
            return Ok(());
        }
        self.place(Node { kind: NodeKind::Scalar(Scalar { text, form }), span, weight }, anchor);
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize, span: Span) -> Result<(), Finding> {
        self.refuse_key(span)?;
        self.spend(Weight { nodes: 1, bytes: 0, depth: 1 }, span)?;
        self.stack.push(Frame { open, anchor, span });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Finding> {
        let Some(Frame { open, anchor, span }) = self.stack.pop() else { return Ok(()) };
        let mut weight = Weight { nodes: 1, bytes: 0, depth: 0 };
        let children: Box<dyn Iterator<Item = &Rc<Node>>> = match &open {
            Open::List(items) => Box::new(items.iter()),
            Open::Map(entries, ..) => {
                weight.nodes += entries.len() as u64;
                weight.bytes += entries.iter().map(|entry| entry.key.value.len() as u64).sum::<u64>();
                Box::new(entries.iter().map(|entry| &entry.value))
            }
        };
        // A block ends with its last child: the parser sees its end only at the next line with content.
        let mut last = span;
        for child in children {
            weight.nodes += child.weight.nodes;
            weight.bytes += child.weight.bytes;
            weight.depth = weight.depth.max(child.weight.depth);
            if child.span.start >= span.start {
                last = last.to(child.span);
            }
        }
        weight.depth += 1;
        let whole = if end.end > end.start { span.to(end) } else { last };
        let kind = match open {
            Open::List(items) => NodeKind::List(items),
            Open::Map(entries, _, None) => NodeKind::Map(entries),
            Open::Map(_, _, Some(key)) => {
                return Err(Finding::new(Code::NotYaml, key.span, "this is not YAML: a key without a value"));
            }
        };
        self.place(Node { kind, span: whole, weight }, anchor);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Finding> {
        self.refuse_key(span)?;
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Finding::new(
                Code::BadAlias,
                span,
                "this alias stands inside the value that it names",
            )
            .help("a value cannot hold itself"));
        };
        self.spend(node.weight, span)?;
        self.put(node);
        Ok(())
    }

    /// Keys are texts; a list, a map or an alias before the colon is refused.
    fn refuse_key(&self, span: Span) -> Result<(), Finding> {
        match self.stack.last() {
            Some(Frame { open: Open::Map(_, _, None), .. }) => {
                Err(Finding::new(Code::KeyNotText, span, "a key must be a plain text"))
            }
            _ => Ok(()),
        }
    }

    /// Counts what comes into the tree, as if aliases were copies, and stops at the first bound.
    fn spend(&mut self, weight: Weight, span: Span) -> Result<(), Finding> {
        self.nodes += weight.nodes;
        self.bytes += weight.bytes;
        let depth = self.stack.len() as u64 + weight.depth;
        let deepest = self.limits.workflow_depth.min(DEEPEST);
        if depth > deepest {
            return Err(Finding::new(Code::TooDeep, span, format!("nested deeper than {deepest} levels")));
        }
        if self.nodes > self.limits.workflow_nodes {
            return Err(self.bomb(span, &format!("{} values", self.limits.workflow_nodes)));
        }
        if self.bytes > self.limits.workflow_bytes {
            return Err(self.bomb(span, &format!("{} bytes of text", self.limits.workflow_bytes)));
        }
        Ok(())
    }

    fn bomb(&self, span: Span, most: &str) -> Finding {
        let by = if self.anchors.is_empty() { "" } else { " once its aliases are expanded" };
        Finding::new(Code::TooManyNodes, span, format!("the file has more than {most}{by}"))
    }

    fn place(&mut self, node: Node, anchor: usize) {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node);
    }

    fn put(&mut self, node: Rc<Node>) {
        match self.stack.last_mut().map(|frame| &mut frame.open) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(entries, seen, key)) => {
                let Some(key) = key.take() else { return };
                if key.value == "<<" {
                    self.findings.push(
                        Finding::new(Code::MergeKey, key.span, "`<<` merges nothing here")
                            .help("write the keys out, or put an alias where the whole value goes"),
                    );
                } else if let Some(first) = seen.get(&key.value) {
                    let message = format!("the key `{}` stands twice", cut(&key.value));
                    self.findings.push(
                        Finding::new(Code::DuplicateKey, key.span, message).label(*first, "first here"),
                    );
                } else {
                    seen.insert(key.value.clone(), key.span);
                    entries.push(Entry { key, value: node });
                }
            }
        }
    }
}
