//! Cutting tools out of a `tools/list` answer without touching another byte.

use serde_json::value::RawValue;

use crate::wire::{Fault, Object};

/// What filtering came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Filtered {
    /// Every tool may be seen: the answer passes as it came.
    All,
    /// The answer's line without the tools that may not be seen.
    Some(Vec<u8>),
}

/// Filters the tools of `result`, which lies within `line`.
///
/// A tool whose name cannot be read exactly is one that cannot be judged, and is cut. Order, cursor and all other
/// fields stay; a page that loses all its tools stays a page.
pub(crate) fn filter(
    line: &[u8],
    result: &Object<'_>,
    visible: impl Fn(&str) -> bool,
) -> Result<Filtered, Fault> {
    let Some(tools) = result.value("tools") else {
        return Ok(Filtered::All);
    };
    let listed: Vec<&RawValue> =
        serde_json::from_str(tools.get()).map_err(|_| Fault::Unreadable)?;
    let seen = |tool: &&&RawValue| {
        let tool = Object::read(tool.get(), &["name"]).ok();
        let name = tool.and_then(|tool| tool.string("name"));
        name.is_some_and(|name| visible(&name))
    };
    let kept: Vec<&str> = listed.iter().filter(seen).map(|tool| tool.get()).collect();
    if kept.len() == listed.len() {
        return Ok(Filtered::All);
    }
    let (before, after) = around(line, tools.get().as_bytes()).ok_or(Fault::Unreadable)?;
    Ok(Filtered::Some(
        [before, b"[", kept.join(",").as_bytes(), b"]", after].concat(),
    ))
}

/// What stands before and after `part` in `whole`, of which it is a slice.
fn around<'w>(whole: &'w [u8], part: &[u8]) -> Option<(&'w [u8], &'w [u8])> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    Some((whole.get(..start)?, whole.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(line: &str, visible: &[&str]) -> Result<String, Fault> {
        let message = Object::read(line, &[])?;
        let result = Object::read(message.value("result").unwrap().get(), &["tools"])?;
        let filtered = filter(line.as_bytes(), &result, |name| visible.contains(&name))?;
        Ok(match filtered {
            Filtered::All => "all".to_owned(),
            Filtered::Some(line) => String::from_utf8(line).unwrap(),
        })
    }

    #[test]
    fn what_is_kept_keeps_its_bytes_and_order() {
        let line = concat!(
            r#"{ "id":1, "result": {"nextCursor":"c", "tools" : [ {"name":"a", "x": 1.0} ,{"name":"b"}, "#,
            r#"{ "n\u0061me":"c","name2":"b"}], "_meta":{ "k": [1, 2]}} }"#
        );
        assert_eq!(filtered(line, &["a", "b", "c"]).unwrap(), "all");
        assert_eq!(
            filtered(line, &["a", "c"]).unwrap(),
            concat!(
                r#"{ "id":1, "result": {"nextCursor":"c", "tools" : [{"name":"a", "x": 1.0},"#,
                r#"{ "n\u0061me":"c","name2":"b"}], "_meta":{ "k": [1, 2]}} }"#
            )
        );
    }

    #[test]
    fn an_emptied_page_keeps_its_cursor() {
        assert_eq!(
            filtered(
                r#"{"result":{"tools":[{"name":"a"}],"nextCursor":"c"}}"#,
                &[]
            )
            .unwrap(),
            r#"{"result":{"tools":[],"nextCursor":"c"}}"#
        );
    }

    #[test]
    fn a_tool_that_cannot_be_judged_is_cut() {
        let line = concat!(
            r#"{"result":{"tools":[{"name":"a","name":"a"},{"name":"a","Name":"a"},{"name":7},{},7,null,"#,
            r#"{"name":"\ud800"},{"name":"a"}]}}"#
        );
        assert_eq!(
            filtered(line, &["a"]).unwrap(),
            r#"{"result":{"tools":[{"name":"a"}]}}"#
        );
    }

    #[test]
    fn a_list_that_is_no_list_is_refused() {
        assert_eq!(
            filtered(r#"{"result":{"tools":{"name":"a"}}}"#, &["a"]),
            Err(Fault::Unreadable)
        );
        assert_eq!(filtered(r#"{"result":{}}"#, &["a"]).unwrap(), "all");
    }
}
