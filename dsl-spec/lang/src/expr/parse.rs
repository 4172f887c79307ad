//! The only file that knows rhai's syntax tree. Text goes in, a plain tree of our own comes out.
//!
//! rhai parses; nothing of it ever runs. Its optimiser is off, its depth is bounded, and what its grammar has beyond
//! an expression is refused, either by [`guard`](super::guard) before or by the conversion here after.

use std::sync::LazyLock;

use rhai::{ASTFlags, BinaryExpr, Engine, OptimizationLevel, ParseErrorType, Position, Stmt};
use vocab::Value;

use super::guard::{Refusal, end_of_text, guard};
use super::raw::{Fault, Raw, RawKind};
use super::{BinaryOp, DEEPEST, LONGEST, literals};
use crate::diagnostic::Code;

/// The bare parser: no packages, no optimiser, no statements.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(64);
    engine.set_max_string_size(LONGEST * 4);
    engine.set_max_array_size(LONGEST);
    engine.set_max_map_size(LONGEST);
    engine.set_max_strings_interned(0);
    engine.set_allow_if_expression(false);
    engine.set_allow_switch_expression(false);
    engine.set_allow_statement_expression(false);
    engine.set_allow_loop_expressions(false);
    engine.set_allow_looping(false);
    engine
});

/// Parses the characters of one expression.
pub(crate) fn parse(characters: &[char]) -> Result<Raw, Fault> {
    guard(characters).map_err(|refusal| match refusal {
        Refusal::TooLarge(at, message) => Fault::new(Code::ExpressionTooLarge, at, at + 1, message),
        Refusal::NotHere(at, message) => Fault::new(Code::NotInExpressions, at, at + 1, message),
        Refusal::OpenText(at) => {
            Fault::new(Code::BadExpression, at, characters.len(), "this text has no closing quote")
        }
    })?;
    literals::check(characters)
        .map_err(|odd| Fault::new(Code::OddForm, odd.start, odd.end, odd.message).help(odd.help))?;
    if characters.iter().all(|character| character.is_whitespace()) {
        return Err(Fault::new(Code::BadExpression, 0, characters.len(), "the expression is empty"));
    }
    // One line, so that a column of rhai is a character of ours.
    let line: String =
        characters.iter().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { *c }).collect();
    let tree = ENGINE.compile_expression(&line).map_err(|error| syntax_fault(&error, characters))?;
    match tree.statements() {
        [Stmt::Expr(expr)] => Reader { characters }.read(expr, 0),
        _ => Err(Fault::new(Code::BadExpression, 0, characters.len(), "this is not one expression")),
    }
}

fn syntax_fault(error: &rhai::ParseError, characters: &[char]) -> Fault {
    let length = characters.len();
    let last = characters.iter().rposition(|character| !character.is_whitespace()).unwrap_or(0);
    let start = offset(error.position(), length).min(last);
    let end = word_end(characters, start);
    match error.err_type() {
        ParseErrorType::ExprTooDeep => {
            Fault::new(Code::ExpressionTooLarge, start, end, "the expression nests too deeply")
        }
        ParseErrorType::LiteralTooLarge(what, most) => {
            Fault::new(Code::ExpressionTooLarge, start, end, format!("{what} is more than {most}"))
        }
        ParseErrorType::Reserved(word) => reserved(word, start, end, characters),
        ParseErrorType::PropertyExpected => {
            Fault::new(Code::BadExpression, start, end, "a name belongs behind the dot")
                .help("a name that is a reserved word is written in brackets: `steps[\"if\"]`")
        }
        ParseErrorType::UnexpectedEOF => {
            Fault::new(Code::BadExpression, start, end, "the expression ends too early")
        }
        ParseErrorType::MismatchedType(want, found) => {
            let want = if want == "a boolean expression" { "a boolean" } else { want };
            Fault::new(Code::UnlikeTypes, start, end, format!("expected {want}, found {found}"))
        }
        other => {
            let text: String = other.to_string().chars().take(200).collect();
            Fault::new(Code::BadExpression, start, end, format!("this is not an expression: {text}"))
        }
    }
}

/// A word or a symbol that rhai keeps for itself.
fn reserved(word: &str, start: usize, end: usize, characters: &[char]) -> Fault {
    let fault = Fault::new(Code::BadExpression, start, end, format!("`{word}` means nothing in expressions"));
    if start > 0 && characters[start - 1] == '.' {
        fault.help(format!("as a name it is written in brackets: `steps[\"{word}\"]`"))
    } else if matches!(word, "null" | "nil" | "void") {
        fault.help("there is no null to write; a value that may be null is read with `?.` or `??`")
    } else {
        fault
    }
}

/// The character that a position of rhai means; positions count from 1.
fn offset(position: Position, length: usize) -> usize {
    position.position().map_or(length, |column| column.saturating_sub(1)).min(length)
}

fn word_end(characters: &[char], start: usize) -> usize {
    let word = |c: &&char| c.is_ascii_alphanumeric() || **c == '_';
    start + characters[start.min(characters.len())..].iter().take_while(word).count()
}

struct Reader<'a> {
    characters: &'a [char],
}

impl Reader<'_> {
    fn at(&self, position: Position) -> usize {
        offset(position, self.characters.len())
    }

    /// The position after the bracket that closes the first one at or after `start`.
    fn closing(&self, start: usize) -> usize {
        let (mut at, mut open) = (start, 0_usize);
        while let Some(character) = self.characters.get(at) {
            match character {
                '"' => {
                    at = end_of_text(self.characters, at).unwrap_or(self.characters.len());
                    continue;
                }
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' if open <= 1 => return at + 1,
                ')' | ']' | '}' => open -= 1,
                _ => {}
            }
            at += 1;
        }
        self.characters.len()
    }

    fn read(&self, expr: &rhai::Expr, depth: usize) -> Result<Raw, Fault> {
        use rhai::Expr as E;
        let start = self.at(expr.start_position());
        if depth > DEEPEST {
            let message = format!("the expression nests more than {DEEPEST} levels");
            return Err(Fault::new(Code::ExpressionTooLarge, start, start, message)
                .help("a long text reads better as `\"… ${{ a }} … ${{ b }}\"` or with `format`"));
        }
        let raw = |kind, end| Ok(Raw { kind, start, end });
        match expr {
            E::BoolConstant(flag, _) => {
                raw(RawKind::Literal((*flag).into()), word_end(self.characters, start))
            }
            E::IntegerConstant(number, _) => raw(RawKind::Literal((*number).into()), self.number_end(start)),
            E::FloatConstant(number, _) => self.number(**number, start),
            E::StringConstant(text, _) => {
                let end = end_of_text(self.characters, start).unwrap_or(start + 1);
                raw(RawKind::Literal(text.as_str().into()), end)
            }
            E::Array(items, _) => raw(RawKind::List(self.all(items, depth)?), self.closing(start)),
            E::Map(parts, _) => {
                let mut entries = Vec::with_capacity(parts.0.len());
                for (key, value) in &parts.0 {
                    entries.push((key.name.to_string(), self.read(value, depth + 1)?));
                }
                raw(RawKind::Map(entries), self.closing(start))
            }
            E::Variable(parts, ..) => {
                raw(RawKind::Name(parts.1.to_string()), word_end(self.characters, start))
            }
            E::And(parts, _) => self.several(RawKind::And, parts, depth),
            E::Or(parts, _) => self.several(RawKind::Or, parts, depth),
            E::Coalesce(parts, _) => self.several(RawKind::Coalesce, parts, depth),
            E::FnCall(call, position) => self.call(call, *position, depth),
            E::Dot(parts, _, position) => {
                let base = self.read(&parts.lhs, depth + 1)?;
                self.dot(base, &parts.rhs, *position, depth + 1)
            }
            E::Index(parts, flags, position) => {
                let base = self.read(&parts.lhs, depth + 1)?;
                self.index(base, &parts.rhs, *flags, *position, depth + 1)
            }
            E::Unit(_) => Err(Fault::new(Code::NotInExpressions, start, start + 2, "`()` is no value")
                .help("a value that may be null is read with `?.` or `??`")),
            _ => Err(Fault::new(
                Code::NotInExpressions,
                start,
                word_end(self.characters, start),
                "this is not part of the expression language",
            )),
        }
    }

    fn all(&self, parts: &[rhai::Expr], depth: usize) -> Result<Vec<Raw>, Fault> {
        parts.iter().map(|part| self.read(part, depth + 1)).collect()
    }

    fn several(
        &self,
        kind: fn(Vec<Raw>) -> RawKind,
        parts: &[rhai::Expr],
        depth: usize,
    ) -> Result<Raw, Fault> {
        let parts = self.all(parts, depth)?;
        let start = parts.iter().map(|part| part.start).min().unwrap_or(0);
        let end = parts.iter().map(|part| part.end).max().unwrap_or(start);
        let (start, end) = self.balanced(start, end);
        Ok(Raw { kind: kind(parts), start, end })
    }

    /// A part from `start` to `end`, with the brackets around its sides, which rhai's tree has forgotten.
    fn balanced(&self, start: usize, end: usize) -> (usize, usize) {
        let (mut start, mut end) = (start, end);
        let (mut open, mut unopened, mut at) = (0_usize, 0_usize, start);
        while at < end {
            match self.characters[at] {
                '"' => {
                    at = end_of_text(self.characters, at).unwrap_or(end);
                    continue;
                }
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' => unopened += 1,
                _ => {}
            }
            at += 1;
        }
        for _ in 0..open {
            let rest = self.characters[end..].iter().position(|c| !c.is_whitespace());
            end += rest.filter(|at| self.characters[end + at] == ')').map_or(0, |at| at + 1);
        }
        for _ in 0..unopened {
            let before = self.characters[..start].iter().rposition(|c| !c.is_whitespace());
            start = before.filter(|at| self.characters[*at] == '(').unwrap_or(start);
        }
        (start, end)
    }

    /// The end of a number, with a sign and blanks before it.
    fn number_end(&self, start: usize) -> usize {
        let sign = |c: &&char| matches!(c, '-' | '+' | ' ' | '(');
        let digits = start + self.characters[start..].iter().take_while(sign).count();
        let part = |c: &&char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        digits + self.characters[digits..].iter().take_while(part).count()
    }

    /// rhai makes a number with a fraction of a whole number that is too large; that would lose digits.
    fn number(&self, number: f64, start: usize) -> Result<Raw, Fault> {
        let end = self.number_end(start);
        let written = &self.characters[start..end];
        let whole = !written.iter().any(|c| matches!(c, '.' | 'e' | 'E'));
        if whole || !number.is_finite() {
            return Err(Fault::new(Code::BadExpression, start, end, "this number does not fit into 64 bits"));
        }
        Ok(Raw { kind: RawKind::Literal(Value::Number(number)), start, end })
    }

    fn call(&self, call: &rhai::FnCallExpr, position: Position, depth: usize) -> Result<Raw, Fault> {
        let at = self.at(position);
        if call.is_operator_call() {
            let symbol = call.op_token.as_ref().map(ToString::to_string).unwrap_or_default();
            return self.operator(&symbol, call, at, depth);
        }
        if call.capture_parent_scope {
            let fault = "a function is called as `name(…)`, without `!`";
            return Err(Fault::new(Code::NotInExpressions, at, word_end(self.characters, at), fault));
        }
        // rhai turns `a in b` into a call of `contains`; then another word stands there.
        let word = word_end(self.characters, at);
        if !self.characters[at..word].iter().copied().eq(call.name.chars()) {
            let message = "the operator `in` is not part of the expression language";
            return Err(Fault::new(Code::NotInExpressions, at, word, message)
                .help("ask with `contains(list, value)`"));
        }
        let arguments = self.all(&call.args, depth)?;
        let end = self.closing(at);
        Ok(Raw { kind: RawKind::Call(call.name.to_string(), arguments), start: at, end })
    }

    fn operator(&self, symbol: &str, call: &rhai::FnCallExpr, at: usize, depth: usize) -> Result<Raw, Fault> {
        match (symbol, call.args.as_slice()) {
            ("-" | "!", [inner]) => {
                let inner = self.read(inner, depth + 1)?;
                let (start, end) = self.balanced(at, inner.end);
                let kind = if symbol == "!" { RawKind::Not } else { RawKind::Negate };
                Ok(Raw { kind: kind(Box::new(inner)), start, end })
            }
            (_, [left, right]) if BinaryOp::of_symbol(symbol).is_some() => {
                let (left, right) = (self.read(left, depth + 1)?, self.read(right, depth + 1)?);
                let (start, end) = self.balanced(left.start.min(right.start), right.end.max(left.end));
                let op = BinaryOp::of_symbol(symbol).unwrap_or(BinaryOp::Equal);
                Ok(Raw { kind: RawKind::Binary(op, Box::new(left), Box::new(right)), start, end })
            }
            _ => {
                let message = format!("the operator `{symbol}` is not part of the expression language");
                Err(Fault::new(Code::NotInExpressions, at, at + symbol.chars().count(), message))
            }
        }
    }

    /// `base.rhs`, where rhai hangs the rest of the chain below `rhs`.
    fn dot(&self, base: Raw, rhs: &rhai::Expr, position: Position, depth: usize) -> Result<Raw, Fault> {
        use rhai::Expr as E;
        let here = self.at(position);
        match rhs {
            E::Dot(parts, _, next) => {
                let base = self.property(base, &parts.lhs, here)?;
                Self::deeper(depth, &base)?;
                self.dot(base, &parts.rhs, *next, depth + 1)
            }
            E::Index(parts, flags, next) => {
                let base = self.property(base, &parts.lhs, here)?;
                Self::deeper(depth, &base)?;
                self.index(base, &parts.rhs, *flags, *next, depth + 1)
            }
            last => self.property(base, last, here),
        }
    }

    /// `base[rhs]`; without the flag, `rhs` is the index with the rest of the chain behind it.
    fn index(
        &self,
        base: Raw,
        rhs: &rhai::Expr,
        flags: ASTFlags,
        position: Position,
        depth: usize,
    ) -> Result<Raw, Fault> {
        use rhai::Expr as E;
        let here = self.at(position);
        match rhs {
            E::Dot(parts, _, next) if !flags.contains(ASTFlags::BREAK) => {
                let base = self.item(base, &parts.lhs, here, depth)?;
                Self::deeper(depth, &base)?;
                self.dot(base, &parts.rhs, *next, depth + 1)
            }
            E::Index(parts, next_flags, next) if !flags.contains(ASTFlags::BREAK) => {
                let BinaryExpr { lhs, rhs } = &**parts;
                let base = self.item(base, lhs, here, depth)?;
                Self::deeper(depth, &base)?;
                self.index(base, rhs, *next_flags, *next, depth + 1)
            }
            last => self.item(base, last, here, depth),
        }
    }

    fn deeper(depth: usize, base: &Raw) -> Result<(), Fault> {
        if depth <= DEEPEST {
            return Ok(());
        }
        let message = format!("the expression nests more than {DEEPEST} levels");
        Err(Fault::new(Code::ExpressionTooLarge, base.start, base.end, message))
    }

    /// Whether a `?` stands at `at`. rhai's own flag is wrong in chains of brackets.
    fn is_safe(&self, at: usize) -> bool {
        self.characters.get(at) == Some(&'?')
    }

    fn property(&self, base: Raw, rhs: &rhai::Expr, dot: usize) -> Result<Raw, Fault> {
        let at = self.at(rhs.start_position());
        let rhai::Expr::Property(parts, _) = rhs else {
            return Err(Fault::new(
                Code::NotInExpressions,
                at,
                word_end(self.characters, at),
                "values have no methods",
            )
            .help("functions stand in front: `len(inputs.list)`, not `inputs.list.len()`"));
        };
        let start = base.start;
        let kind = RawKind::Property(Box::new(base), parts.2.to_string(), self.is_safe(dot));
        Ok(Raw { kind, start, end: word_end(self.characters, at) })
    }

    fn item(&self, base: Raw, index: &rhai::Expr, bracket: usize, depth: usize) -> Result<Raw, Fault> {
        let index = self.read(index, depth + 1)?;
        let (start, end) = (base.start, self.closing(bracket));
        Ok(Raw { kind: RawKind::Index(Box::new(base), Box::new(index), self.is_safe(bracket)), start, end })
    }
}

#[cfg(test)]
mod tests;
