//! What a table knows of a model: a price, or why there is none.

use super::model::ModelPrice;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Priced(Box<ModelPrice>),
    /// It exists, and what it costs depends on more than tokens.
    Unpriced(String),
}
