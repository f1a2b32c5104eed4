//! `ci`: everything that must be green before a change is called done.

use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{lint, release, test};

pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    lint::run(workspace)?;
    test::run(workspace, test::E2e::Included)?;
    release::dry_run(workspace)
}
