//! The exit codes: one table for every command. The output format never changes the code, and when several apply
//! the largest is returned.

/// What a command came to. The order is that of the codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    Outside = 1,
    Usage = 2,
    Findings = 3,
    Refused = 4,
    Incomplete = 5,
    Difference = 6,
    RolledBack = 7,
    Unshaped = 8,
}

impl Exit {
    /// Every code, in order.
    pub const ALL: [Exit; 9] = [
        Exit::Done,
        Exit::Outside,
        Exit::Usage,
        Exit::Findings,
        Exit::Refused,
        Exit::Incomplete,
        Exit::Difference,
        Exit::RolledBack,
        Exit::Unshaped,
    ];

    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "done; no finding at or above fail_on, nothing refused",
            Exit::Outside => "something outside failed (I/O, store, kernel): trying again may help",
            Exit::Usage => "usage or configuration error",
            Exit::Findings => {
                "findings at or above fail_on (build has written the artifact, marked failing)"
            }
            Exit::Refused => {
                "refused: a guard, a plan the target cannot represent, an artifact that does not verify, or the base moved"
            }
            Exit::Incomplete => {
                "a source could not be read completely; nothing was recorded or changed"
            }
            Exit::Difference => "a difference was found where none was expected",
            Exit::RolledBack => "an apply failed and was rolled back; the old generation is live",
            Exit::Unshaped => {
                "an apply failed and the rollback failed too; traffic passes unshaped"
            }
        }
    }

    /// The table, for `--help`.
    pub fn table() -> String {
        let mut text = String::from(
            "Exit codes (the output format never changes them; the largest that applies is returned):\n",
        );
        for exit in Exit::ALL {
            text.push_str(&format!("  {}  {}\n", exit.code(), exit.meaning()));
        }
        text
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_published_ones() {
        let codes: Vec<(u8, Exit)> = Exit::ALL.iter().map(|e| (e.code(), *e)).collect();
        assert_eq!(
            codes,
            [
                (0, Exit::Done),
                (1, Exit::Outside),
                (2, Exit::Usage),
                (3, Exit::Findings),
                (4, Exit::Refused),
                (5, Exit::Incomplete),
                (6, Exit::Difference),
                (7, Exit::RolledBack),
                (8, Exit::Unshaped),
            ]
        );
        assert_eq!(Exit::Findings.max(Exit::Incomplete), Exit::Incomplete);
        assert!(
            Exit::ALL
                .iter()
                .all(|e| Exit::table().contains(e.meaning()))
        );
    }
}
