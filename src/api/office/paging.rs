//! Lists in pieces: `cursor` and `limit` in the query, `items` and `nextCursor` in the answer.
//!
//! A cursor says after which row the next piece begins, by what the list is sorted by; so nothing is missed or told
//! twice when rows come and go in between. It is opaque: programs take it from one answer into the next question.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::query;
use crate::api::problem::{Code, Problem};

/// Items in a piece where nothing is said.
const DEFAULT_LIMIT: usize = 50;
/// Most items in a piece.
const MAX_LIMIT: usize = 100;
/// Longest cursor.
const MAX_CURSOR: usize = 512;

/// The part of a query that asks for a piece of a list, for the API's description.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code)]
pub struct PageParams {
    /// `nextCursor` of the answer before; nothing for the first piece.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Most items to answer.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u8>,
}

/// What a query asks for: a piece of a list, filtered by `F`, after the row whose sort key is `K`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged<F, K> {
    /// The other parameters of the query. The type has `#[serde(deny_unknown_fields)]`.
    pub filter: F,
    /// The sort key of the row before the first.
    pub after: Option<K>,
    /// Most items to answer; ask the database for one more, so that [`Slice::of`] knows whether there are any.
    pub limit: usize,
}

/// A list without filters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct NoFilter {}

impl<F: DeserializeOwned, K: DeserializeOwned> Paged<F, K> {
    fn read(text: &str) -> Result<Self, Problem> {
        let (mut cursor, mut limit, mut rest) = (None, None, Vec::new());
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let slot = match pair.split_once('=') {
                Some(("cursor", value)) => (&mut cursor, value),
                Some(("limit", value)) => (&mut limit, value),
                _ => {
                    rest.push(pair);
                    continue;
                }
            };
            if slot.0.replace(slot.1).is_some() {
                return Err(Problem::new(Code::InvalidQuery).detail("cursor and limit are given once."));
            }
        }
        let limit = match limit {
            None => DEFAULT_LIMIT,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=MAX_LIMIT) => limit,
                _ => {
                    let detail = format!("limit is a number from 1 to {MAX_LIMIT}.");
                    return Err(Problem::new(Code::InvalidQuery).detail(detail));
                }
            },
        };
        let after = cursor.map(decode).transpose()?;
        Ok(Self { filter: query(&rest.join("&"))?, after, limit })
    }
}

impl<F: DeserializeOwned, K: DeserializeOwned, S: Sync> FromRequestParts<S> for Paged<F, K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(parts.uri.query().unwrap_or_default())
    }
}

/// A piece of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slice<T> {
    /// The items in order.
    pub items: Vec<T>,
    /// The cursor of the piece that follows; nothing where this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Slice<T> {
    /// The first `limit` of `items`, and a cursor by the `key` of the last of them where there are more.
    pub fn of<K: Serialize>(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> K) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| encode(&key(last)));
        Self { items, next_cursor }
    }

    /// The same piece of other items.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Slice<U> {
        Slice { items: self.items.into_iter().map(each).collect(), next_cursor: self.next_cursor }
    }
}

fn encode<K: Serialize>(key: &K) -> String {
    // Sort keys are numbers, ids and texts: they always serialise.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(key).unwrap_or_default())
}

fn decode<K: DeserializeOwned>(text: &str) -> Result<K, Problem> {
    let bytes = if text.len() > MAX_CURSOR { None } else { URL_SAFE_NO_PAD.decode(text).ok() };
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or(Problem::new(Code::InvalidCursor))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    type Key = (i64, String);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        status: Option<String>,
    }

    fn read(text: &str) -> Result<Paged<Filter, Key>, Code> {
        Paged::read(text).map_err(|problem| problem.code())
    }

    #[test]
    fn a_list_is_told_in_pieces_to_its_end() {
        let rows: Vec<Key> = (0..7).map(|i| (i, format!("ü{i}"))).collect();
        let mut told = Vec::new();
        let mut text = "limit=3&status=a%20b".to_owned();
        loop {
            let page = read(&text).unwrap();
            assert_eq!((page.limit, page.filter.status.as_deref()), (3, Some("a b")));
            let rest = rows.iter().filter(|row| page.after.as_ref().is_none_or(|after| *row > after));
            let slice = Slice::of(rest.take(page.limit + 1).cloned().collect(), page.limit, Clone::clone);
            assert!(slice.items.len() <= 3);
            told.extend(slice.items);
            let Some(cursor) = slice.next_cursor else { break };
            text = format!("limit=3&cursor={cursor}&status=a%20b");
        }
        assert_eq!(told, rows);
    }

    #[test]
    fn a_piece_has_a_size_and_a_cursor_is_ours() {
        assert_eq!(read("").map(|page| (page.limit, page.after)), Ok((50, None)));
        assert_eq!(read("limit=100").map(|page| page.limit), Ok(100));
        for wrong in ["limit=0", "limit=101", "limit=", "limit=-1", "limit=1&limit=2", "x=1", "status=a&status=b"] {
            assert_eq!(read(wrong), Err(Code::InvalidQuery), "{wrong}");
        }
        let (other, long) = (encode(&"x"), "A".repeat(10_000));
        for wrong in ["", "!", "AAAA", "%00", &other, &long] {
            assert_eq!(read(&format!("cursor={wrong}")), Err(Code::InvalidCursor), "{wrong}");
        }
    }
}
