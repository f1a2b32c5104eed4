//! `tools/list`: what may not be seen is cut, every other byte stays.

use insta::assert_snapshot;
use security_mcp::Limits;

use crate::support::play;

#[test]
fn lists_are_filtered_page_by_page() {
    assert_snapshot!(play(
        Limits::default(),
        r#"
        c: {"id":1,"method":"tools/list"}
        s> { "jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"run_a","x":1.0} , {"name":"hidden"},{"name":"no_b"}],"nextCursor":"2" } }
        c: {"id":2,"method":"tools/list","params":{"cursor":"2"}}
        s: {"id":2,"result":{"tools":[{"name":"hidden"}],"nextCursor":"3","_meta":{"k":1}}}
        c: {"id":3,"method":"tools/list","params":{"cursor":"3"}}
        s> {"jsonrpc":"2.0",  "id":3,"result":{"tools":[{"name":"run_a"}]}}
        c: {"id":4,"method":"tools/list"}
        s: {"id":4,"result":{"tools":[],"Tools":[{"name":"hidden"}]}}
        c: {"id":5,"method":"tools/list"}
        s: {"id":5,"result":{"tools":"all"}}
        c: {"id":6,"method":"tools/list"}
        s: {"id":6,"result":[{"name":"hidden"}]}
        c: {"id":7,"method":"tools/list"}
        s: {"id":7,"error":{"code":1,"message":"no"}}
        s: {"method":"notifications/tools/list_changed"}
        "#
    ));
}
