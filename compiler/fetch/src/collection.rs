//! The words of a request plan: what a CRM is asked for, how its pages go, and which fields of the answers are kept.

/// One list of records of a CRM.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// Name of its files in an export.
    pub name: &'static str,
    pub request: Request,
    pub root: Root,
    /// Where the records are in an answer.
    pub rows: &'static [&'static str],
    /// Where the id is in a record.
    pub id: &'static [&'static str],
    pub paging: Paging,
    /// What is lost without it; `None`: a source without it is incomplete.
    pub optional: Option<&'static str>,
    /// What the key needs, in the CRM's own words.
    pub permission: &'static str,
    /// The fields that are kept: see `select`.
    pub keep: &'static str,
}

#[derive(Clone, Copy, Debug)]
pub enum Request {
    /// Path and query below the base address.
    Get(&'static str),
    /// A form, sent to a path.
    Form {
        path: &'static str,
        action: Option<&'static str>,
    },
    /// `$FIELDS` in the query stands for the fields that are kept.
    GraphQl {
        operation: &'static str,
        query: &'static str,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Root {
    List,
    Object,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paging {
    /// Everything in one answer.
    Whole,
    /// `limit` and `offset`, and no total: each page begins with the last record of the one before. Where it does not,
    /// records came or went meanwhile. Ends with a page that brings nothing new.
    Overlap { limit: u32 },
    /// `limit` and `offset` in a stated order, and a total in a header of `HEAD`, asked for before and after.
    Counted {
        limit: u32,
        order: (&'static str, &'static str),
        header: &'static str,
    },
    /// GraphQL variables `limit` and `offset`; a total in each answer, where there is one.
    Variables {
        limit: u32,
        total: Option<&'static [&'static str]>,
    },
    /// A GraphQL variable `pages`, and a total in each answer.
    Pages {
        size: u32,
        total: &'static [&'static str],
    },
}

impl Paging {
    pub(crate) fn total(&self) -> Option<&'static [&'static str]> {
        match *self {
            Paging::Variables { total, .. } => total,
            Paging::Pages { total, .. } => Some(total),
            _ => None,
        }
    }

    /// For the documentation.
    pub fn words(&self) -> String {
        match self {
            Paging::Whole => "one answer".to_owned(),
            Paging::Overlap { limit } => {
                format!("pages of {limit}, each overlapping the one before")
            }
            Paging::Counted { limit, .. } => {
                format!("pages of {limit} by id, counted before and after")
            }
            Paging::Variables {
                limit,
                total: Some(_),
            } => format!("pages of {limit}, with a total"),
            Paging::Variables { limit, total: None } => {
                format!("pages of {limit}, until one is empty")
            }
            Paging::Pages { size, .. } => format!("pages of {size} by id, with a total"),
        }
    }
}
