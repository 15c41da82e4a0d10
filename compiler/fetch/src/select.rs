//! Selections: which fields of an answer are kept. Everything that is not named here is never recorded, so a wireless
//! key that the CRM adds to its answer tomorrow is not in anybody's git the day after.
//!
//! Written as in GraphQL: `id name~ parent{id}`. Lists are looked through. `~` marks text that names people or places;
//! redaction replaces it. `^` marks coordinates, which say where somebody lives: redaction takes them out. A name with
//! blanks stands in quotes.

/// The fields of an object.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Selection {
    pub fields: Vec<Field>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: String,
    pub privacy: Privacy,
    /// `None`: a value; objects in its place are recorded as `{}`.
    pub below: Option<Selection>,
}

/// What a value says of people.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Privacy {
    #[default]
    Open,
    /// Names people or places.
    Name,
    /// Coordinates.
    Position,
}

impl Selection {
    /// Reads a selection; `None` when it is not one.
    pub fn parse(text: &str) -> Option<Selection> {
        let mut rest = text;
        let selection = fields(&mut rest, 0)?;
        rest.trim().is_empty().then_some(selection)
    }

    /// Selections are written in this crate, and a test reads every one of them.
    pub fn of(text: &str) -> Selection {
        Selection::parse(text).unwrap_or_else(|| panic!("no selection: {text}"))
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The fields of the records at `path`, as GraphQL asks for them.
    pub fn at(&self, path: &[&str]) -> String {
        match path {
            [] => self.graphql(),
            [key, rest @ ..] => {
                let below = self.field(key).and_then(|field| field.below.as_ref());
                below.map(|below| below.at(rest)).unwrap_or_default()
            }
        }
    }

    /// The same fields as GraphQL asks for them.
    pub fn graphql(&self) -> String {
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|field| match &field.below {
                Some(below) => format!("{}{{{}}}", field.name, below.graphql()),
                None => field.name.clone(),
            })
            .collect();
        fields.join(" ")
    }
}

fn fields(rest: &mut &str, depth: usize) -> Option<Selection> {
    let mut selection = Selection::default();
    if depth > 32 {
        return None;
    }
    loop {
        *rest = rest.trim_start();
        if rest.is_empty() || rest.starts_with('}') {
            return Some(selection);
        }
        let name = if let Some(quoted) = rest.strip_prefix('"') {
            let (name, after) = quoted.split_once('"')?;
            *rest = after;
            name
        } else {
            let end = rest
                .find(|c: char| c.is_whitespace() || "{}~^\"".contains(c))
                .unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            *rest = after;
            name
        };
        if name.is_empty() || selection.field(name).is_some() {
            return None;
        }
        let privacy = match rest.as_bytes().first() {
            Some(b'~') => Privacy::Name,
            Some(b'^') => Privacy::Position,
            _ => Privacy::Open,
        };
        if privacy != Privacy::Open {
            *rest = &rest[1..];
        }
        let mut below = None;
        if let Some(inner) = rest.strip_prefix('{') {
            *rest = inner;
            below = Some(fields(rest, depth + 1)?);
            *rest = rest.strip_prefix('}')?;
        }
        selection.fields.push(Field {
            name: name.to_owned(),
            privacy,
            below,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_read_like_graphql_and_mistakes_are_none() {
        let selection = Selection::of("id name~ parent{ id name~ } \"Fiber MAC\" gps^");
        assert_eq!(selection.graphql(), "id name parent{id name} Fiber MAC gps");
        assert_eq!(selection.field("name").unwrap().privacy, Privacy::Name);
        assert_eq!(selection.field("gps").unwrap().privacy, Privacy::Position);
        let parent = selection.field("parent").unwrap();
        assert!(
            parent.privacy == Privacy::Open && parent.below.as_ref().unwrap().fields.len() == 2
        );
        assert!(selection.field("Fiber MAC").unwrap().below.is_none());
        for wrong in ["a{", "a}", "a a", "\"a", "a{b}}", "~a", "^a", "a~^", "{a}"] {
            assert_eq!(Selection::parse(wrong), None, "{wrong}");
        }
    }
}
