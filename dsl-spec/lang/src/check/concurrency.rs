//! The group of `concurrency`: a text, known when a run is submitted.

use vocab::{RunGroup, Type, Value};

use super::place::{Here, Place};
use super::{Context, values};
use crate::diagnostic::{Code, Finding, Findings};
use crate::document::DraftKind;

pub(super) fn check(context: &Context<'_>, findings: &mut Findings) {
    let Some(draft) = &context.document.concurrency else { return };
    let (group, place) = (&draft.group, Place::new(context, Here::Group));
    values::check_draft(group, &Type::String, "the group of `concurrency`", &place, findings);
    if let DraftKind::Literal(Value::String(name)) = &group.kind
        && let Err(why) = RunGroup::check_name(name)
    {
        let message = format!("the group of `concurrency` {why}");
        findings.push(
            Finding::new(Code::BadValue, group.span, message)
                .help("name what its runs share, such as `golden-${{ inputs.release }}`"),
        );
    }
}
