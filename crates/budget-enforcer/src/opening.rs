//! How a session comes to be: on first use, from the template, as long as there is room.

use std::sync::Arc;

use crate::amounts::Limits;
use crate::charge::{Charge, Envelope};
use crate::decision::{BudgetDecision, BudgetDenied, Code};
use crate::engine::{Engine, number_of};
use crate::error::{BudgetError, Poisoned};
use crate::event::Act;
use crate::id::SessionId;
use crate::moment::Moment;
use crate::node::Node;
use crate::path::Path;
use crate::tree::Tree;
use crate::window::Schedule;
use crate::writer::Meta;

impl Engine {
    /// Looks up the envelopes of `charge` and opens the sessions that do not exist yet.
    pub(crate) fn open(&self, charge: &Charge, wall: Moment) -> Result<Path, BudgetDenied> {
        let found = self.find(charge, wall)?;
        if !found.is_fresh {
            return Ok(found.path);
        }
        let mut registry = self.registry.write().map_err(|_| Poisoned)?;
        let fresh = charge.lines().filter_map(|(envelope, _)| match envelope {
            Envelope::Session(id) if self.sessions.find(id).is_none() => Some(id),
            Envelope::Session(_) | Envelope::Budget(_) => None,
        });
        let fresh: Vec<_> = fresh.collect();
        // All of them or none: a refusal uses up no room.
        for (others, id) in fresh.iter().enumerate() {
            self.room_for(id, others)?;
        }
        for id in fresh {
            self.open_locked(&mut registry, id, wall)?;
        }
        drop(registry);
        Ok(self.find(charge, wall)?.path)
    }

    /// The session's path; opens it on first use.
    pub(crate) fn open_session(&self, id: &SessionId, wall: Moment) -> Result<Path, BudgetDenied> {
        if let Some(path) = self.session(id) {
            return Ok(path);
        }
        let mut registry = self.registry.write().map_err(|_| Poisoned)?;
        match self.session(id) {
            Some(path) => Ok(path),
            None => Ok(Path::Lone(self.open_locked(&mut registry, id, wall)?)),
        }
    }

    fn open_locked(
        &self,
        registry: &mut Vec<Arc<Tree>>,
        id: &SessionId,
        wall: Moment,
    ) -> Result<Arc<Tree>, BudgetDenied> {
        let limits = self.room_for(id, 0)?;
        let tree = number_of(registry);
        let act = || Act::SessionOpened {
            session: id.clone(),
            limits,
            tree,
        };
        self.core
            .writer
            .write(wall, Meta::default, act)
            .map_err(BudgetDenied::unavailable)?;
        Ok(self.add_session(registry, id, limits, wall))
    }

    /// The limits that session `id` would have, if there is room for it besides so many others that are to be opened.
    pub(crate) fn room_for(&self, id: &SessionId, others: usize) -> Result<Limits, BudgetDenied> {
        let refuse = |code| Err(BudgetDecision::bare(code, Some(id.into())).into());
        match self.template.load().limits() {
            None => refuse(Code::NoBudget),
            Some(_) if self.sessions.len().saturating_add(others) >= self.config.max_sessions => {
                refuse(Code::SessionLimit)
            }
            Some(limits) => Ok(limits),
        }
    }

    /// A session as it would be if it were opened.
    pub(crate) fn imagined_session(
        &self,
        id: &SessionId,
        wall: Moment,
    ) -> Result<Path, BudgetDenied> {
        let tree = self.session_tree(id, self.room_for(id, 0)?, u64::MAX, wall);
        Ok(Path::Lone(tree))
    }

    pub(crate) fn session_tree(
        &self,
        id: &SessionId,
        limits: Limits,
        number: u64,
        at: Moment,
    ) -> Arc<Tree> {
        let caps = self.template.load().caps(limits);
        let node = Node::new(caps, Schedule::lifetime(), false, false, at, 0);
        let home = Arc::clone(&self.session_home);
        Arc::new(Tree::new(number, id.into(), home, node, at))
    }

    fn add_session(
        &self,
        registry: &mut Vec<Arc<Tree>>,
        id: &SessionId,
        limits: Limits,
        at: Moment,
    ) -> Arc<Tree> {
        let tree = self.session_tree(id, limits, number_of(registry), at);
        self.keep_session(registry, id, Arc::clone(&tree));
        tree
    }

    pub(crate) fn keep_session(
        &self,
        registry: &mut Vec<Arc<Tree>>,
        id: &SessionId,
        tree: Arc<Tree>,
    ) {
        registry.push(Arc::clone(&tree));
        self.sessions.insert(id.clone(), tree);
    }

    /// Opens a session that a journal tells of.
    pub(crate) fn restore_session(
        &self,
        id: &SessionId,
        limits: Limits,
        tree: u64,
        at: Moment,
    ) -> Result<(), BudgetError> {
        let mut registry = self.registry.write().map_err(|_| Poisoned)?;
        if number_of(&registry) != tree || self.sessions.find(id).is_some() {
            return Err(BudgetError::Unknown(id.into()));
        }
        self.add_session(&mut registry, id, limits, at);
        Ok(())
    }
}
