//! JSON Web Tokens: what is accepted, what is forged, and whose keys count. One file, one theme.

mod claims;
mod elsewhere;
mod fixture;
mod forgery;
mod header;
mod key_sets;
mod keys;
