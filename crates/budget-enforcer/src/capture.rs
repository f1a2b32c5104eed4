//! Writes the whole state down, and takes it up again.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard};

use crate::charge::{Charge, Envelope};
use crate::claims::{Answer, Claims};
use crate::engine::{Engine, number_of};
use crate::error::{BudgetError, Poisoned};
use crate::hold::Hold;
use crate::holds::Holds;
use crate::id::BudgetId;
use crate::journal::Revision;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::node::Node;
use crate::path::Path;
use crate::period::Period;
use crate::row::Row;
use crate::snapshot::{
    AnswerShot, BudgetShot, ClaimShot, ClaimsShot, HoldShot, NodeShot, Snapshot, State,
    TemplateShot, TreeShot, Whose,
};
use crate::template::Template;
use crate::tree::{Tree, TreeState};
use crate::window::Schedule;

impl Engine {
    /// The state at one instant, with everything locked for as long as it takes to copy it.
    pub(crate) fn capture(&self) -> Result<Snapshot, Poisoned> {
        let claims = self.claims.lock().map_err(|_| Poisoned)?;
        let registry = self.registry.read().map_err(|_| Poisoned)?;
        let trees = registry
            .iter()
            .map(|tree| tree.lock())
            .collect::<Result<Vec<_>, _>>()?;
        let budgets = self.budgets();
        let mut branches: HashMap<u64, Vec<BudgetShot>> = HashMap::new();
        for (id, path) in &*budgets {
            if let Some((tree, budget)) = budget_shot(id, path) {
                branches.entry(tree).or_default().push(budget);
            }
        }
        let (rows, rows_dropped) = self.core.books.ledger.all();
        let template = self.template.load();
        let state = State {
            template: template.is_set.then(|| TemplateShot {
                limits: template.limits(),
            }),
            trees: registry
                .iter()
                .zip(&trees)
                .map(|(tree, state)| {
                    let branches = branches.remove(&tree.number).unwrap_or_default();
                    tree_shot(tree, state, branches)
                })
                .collect(),
            holds: registry
                .iter()
                .zip(&trees)
                .flat_map(|(tree, state)| hold_shots(tree.number, state))
                .collect(),
            claims: claims_shot(&claims),
            rows: rows.iter().map(Row::shot).collect(),
            rows_dropped,
        };
        let revision = self.core.writer.revision()?;
        Ok(Snapshot { revision, state })
    }

    /// Takes up the state of a snapshot. The engine is new.
    pub(crate) fn restore(&self, snapshot: Snapshot) -> Result<(), BudgetError> {
        let Snapshot { revision, state } = snapshot;
        if let Some(TemplateShot { limits }) = state.template {
            if limits.is_some_and(|limits| limits.is_none()) {
                return Err(misfit(revision, "the session template limits nothing"));
            }
            self.template.store(Arc::new(Template::set(limits)));
        }
        for tree in state.trees {
            self.restore_tree(revision, tree)?;
        }
        let trees = self.registry.read().map_err(|_| Poisoned)?;
        for shot in state.holds {
            let unfit = || misfit(revision, "a hold is of no tree");
            let tree = usize::try_from(shot.tree)
                .ok()
                .and_then(|tree| trees.get(tree));
            let hold = Hold {
                path: self.known_path(revision, &shot.held)?,
                held: Lines::of(&shot.held),
                due: shot.due,
                epoch: shot.epoch,
                stage: shot.stage,
                // As far as the events that follow know; after them nobody holds on to it.
                is_attached: true,
            };
            let mut tree = tree.ok_or_else(unfit)?.lock()?;
            if tree.hold(shot.id).is_some() {
                return Err(misfit(revision, "a hold is there twice"));
            }
            tree.restore_hold(shot.id, hold);
        }
        drop(trees);
        let mut claims = self.claims.lock().map_err(|_| Poisoned)?;
        claims.floor = state.claims.floor;
        claims.mark = state.claims.mark;
        for shot in state.claims.claims {
            let answer = self.answer(revision, shot.answer)?;
            claims.put(shot.key, shot.request, answer, Revision::ZERO);
        }
        for shot in state.rows {
            let path = self.known_path(revision, &shot.charge)?;
            self.core.books.ledger.push(Row::restored(shot, path));
        }
        self.core.books.ledger.set_dropped(state.rows_dropped);
        Ok(())
    }

    fn restore_tree(&self, revision: Revision, shot: TreeShot) -> Result<(), BudgetError> {
        let mut registry = self.registry.write().map_err(|_| Poisoned)?;
        let number = number_of(&registry);
        let unfit = || misfit(revision, "a tree has no root");
        let mut shots = shot.nodes.into_iter();
        let first = shots.next().ok_or_else(unfit)?;
        let tree = match &shot.whose {
            Whose::Session(id) => {
                // The limits that all sessions have are kept once.
                let tree = self.session_tree(id, first.limits, number, shot.mark);
                let mut state = tree.lock()?;
                let caps = Arc::clone(&state.root.caps);
                state.root = Node::restored(first);
                state.root.caps = caps;
                drop(state);
                tree
            }
            Whose::Budgets(budgets) => {
                let root = &budgets.first().ok_or_else(unfit)?.id;
                let node = Node::restored(first);
                Arc::new(Tree::new(
                    number,
                    root.into(),
                    self.tree_home(),
                    node,
                    shot.mark,
                ))
            }
        };
        let mut state = tree.lock()?;
        state.set_epoch(shot.epoch);
        state.next_hold = shot.next_hold;
        state.next_row = shot.next_row;
        shots.for_each(|shot| state.grow(Node::restored(shot)));
        match shot.whose {
            Whose::Session(id) => self.keep_session(&mut registry, &id, Arc::clone(&tree)),
            Whose::Budgets(budgets) => {
                let mut paths = HashMap::clone(&self.budgets.load());
                for budget in budgets {
                    let path = restored_path(revision, &paths, &tree, &state, &budget)?;
                    paths.insert(budget.id, path);
                }
                self.budgets.store(Arc::new(paths));
                registry.push(Arc::clone(&tree));
            }
        }
        Ok(())
    }

    /// The path of a charge, all of whose envelopes are there.
    fn known_path(&self, revision: Revision, charge: &Charge) -> Result<Path, BudgetError> {
        match self.find(charge, Moment::DAWN) {
            Ok(found) if !found.is_fresh => Ok(found.path),
            Ok(_) | Err(_) => Err(misfit(revision, "a charge is on no envelope")),
        }
    }

    fn answer(&self, revision: Revision, shot: AnswerShot) -> Result<Answer, BudgetError> {
        Ok(match shot {
            AnswerShot::Reserved {
                id,
                charge,
                at,
                due,
            } => Answer::Reserved {
                id,
                path: self.known_path(revision, &charge)?,
                at,
                due,
            },
            AnswerShot::Booked(row) => {
                let path = self.known_path(revision, &row.charge)?;
                Answer::Booked(Row::restored(row, path))
            }
            AnswerShot::Refused(decision) => Answer::Refused(decision),
        })
    }
}

/// Which tree a budget is in, and which nodes are its own.
fn budget_shot(id: &BudgetId, path: &Path) -> Option<(u64, BudgetShot)> {
    let group = path.only_group()?;
    let windows = group.own_steps().count();
    let parent = group.steps.get(windows).map(|step| group.envelope(step));
    let shot = BudgetShot {
        id: id.clone(),
        parent: match parent {
            Some(Envelope::Budget(id)) => Some(id.clone()),
            Some(Envelope::Session(_)) | None => None,
        },
        first: group.steps.first()?.node,
        windows,
    };
    Some((group.tree.number, shot))
}

fn tree_shot(
    tree: &Tree,
    state: &MutexGuard<'_, TreeState>,
    mut budgets: Vec<BudgetShot>,
) -> TreeShot {
    // Nodes are numbered in the order of creation.
    budgets.sort_unstable_by_key(|budget| budget.first);
    TreeShot {
        mark: state.mark(),
        epoch: state.epoch(),
        next_hold: state.next_hold,
        next_row: state.next_row,
        whose: match &tree.root {
            Envelope::Session(id) => Whose::Session(id.clone()),
            Envelope::Budget(_) => Whose::Budgets(budgets),
        },
        nodes: state.nodes().map(Node::shot).collect::<Vec<NodeShot>>(),
    }
}

fn hold_shots(tree: u64, state: &TreeState) -> Vec<HoldShot> {
    let holds = state.holds().into_iter().flat_map(Holds::iter);
    let shot = |(id, hold): (_, &Hold)| HoldShot {
        tree,
        id,
        held: hold.path.charge(&hold.held),
        due: hold.due,
        epoch: hold.epoch,
        stage: hold.stage,
    };
    holds.map(shot).collect()
}

fn claims_shot(claims: &Claims) -> ClaimsShot {
    let claim = |(key, request, answer): (_, &crate::event::Request, &Answer)| ClaimShot {
        key,
        request: request.clone(),
        answer: match answer {
            Answer::Reserved { id, path, at, due } => AnswerShot::Reserved {
                id: *id,
                charge: path.named(),
                at: *at,
                due: *due,
            },
            Answer::Booked(row) => AnswerShot::Booked(row.shot()),
            Answer::Refused(decision) => AnswerShot::Refused(decision.clone()),
        },
    };
    ClaimsShot {
        floor: claims.floor,
        mark: claims.mark,
        claims: claims.iter().map(claim).collect(),
    }
}

/// The path of a budget whose ancestors have theirs already.
fn restored_path(
    revision: Revision,
    paths: &HashMap<BudgetId, Path>,
    tree: &Arc<Tree>,
    state: &TreeState,
    budget: &BudgetShot,
) -> Result<Path, BudgetError> {
    let unfit = || misfit(revision, "a budget is under none that comes before it");
    let parent = match &budget.parent {
        None => None,
        Some(parent) => Some(paths.get(parent).ok_or_else(unfit)?),
    };
    let nodes = state.nodes().skip(budget.first).take(budget.windows);
    let periods: Vec<_> = nodes
        .map(|node| node.schedule().map_or(Period::Lifetime, Schedule::period))
        .collect();
    if periods.len() != budget.windows || periods.is_empty() {
        return Err(misfit(revision, "a budget has no window"));
    }
    let (tree, envelope) = (Arc::clone(tree), (&budget.id).into());
    let periods = periods.into_iter();
    Ok(Path::single(tree, budget.first, periods, &envelope, parent))
}

fn misfit(revision: Revision, why: &str) -> BudgetError {
    BudgetError::Replay {
        revision: revision.number(),
        why: format!("the snapshot does not fit together: {why}"),
    }
}
