//! A plan as people read it before they let it happen: what it does to whom, then every step.
//!
//! Keys come from a CRM: whatever could steer a terminal is escaped.

use std::fmt;

use weir_abi::ClassId;
use weir_schemas::diff::Disruption;

use crate::action::Action;
use crate::kernel::{Active, Parent, Program};
use crate::steps::{Phase, Plan};
use crate::wanted::{Shape, WantedLeaf};

/// Digits of a digest that are shown.
const SHORT: usize = 12;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = |digest: &Option<String>| {
            digest.as_deref().map_or("nothing".to_owned(), |digest| {
                inert(digest.get(..SHORT).unwrap_or(digest))
            })
        };
        writeln!(f, "{} -> {}", digest(&self.from), digest(&self.to))?;
        let count = |of| self.changes.iter().filter(|c| c.disruption == of).count();
        writeln!(
            f,
            "classes: {} rebuild, {} move, {} leaf, {} rate, {} map-only, {} unchanged; {} steps",
            count(Disruption::Rebuild),
            count(Disruption::Move),
            count(Disruption::Leaf),
            count(Disruption::Rate),
            count(Disruption::MapOnly),
            self.unchanged,
            self.steps.len(),
        )?;
        if self.unshaped {
            writeln!(f, "traffic passes unshaped until the flip")?;
        }
        if !self.changes.is_empty() {
            writeln!(f, "\nwhat changes")?;
        }
        for change in &self.changes {
            writeln!(
                f,
                "  {:8}  {}  {}: {}",
                change.disruption.word(),
                inert(&change.device),
                inert(&change.key),
                inert(&change.what)
            )?;
        }
        let mut phase: Option<Phase> = None;
        for step in &self.steps {
            if phase != Some(step.phase) {
                writeln!(f, "\n{}", step.phase)?;
                phase = Some(step.phase);
            }
            writeln!(f, "  {}", step.action)?;
        }
        Ok(())
    }
}

fn inert(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

impl fmt::Display for Action {
    /// One line, as the journal and errors name it too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let under = |parent: &Option<ClassId>| {
            parent.map_or("at the root".to_owned(), |parent| format!("under {parent}"))
        };
        match self {
            Action::AddMq { device } => write!(f, "{device}: add mq 7fff: at the root"),
            Action::RemoveMq { device } => write!(f, "{device}: remove mq 7fff:"),
            Action::AddHtb {
                device,
                major,
                parent,
            } => write!(f, "{device}: add htb {major:x}: {parent}"),
            Action::RemoveHtb {
                device,
                major,
                parent,
            } => write!(f, "{device}: remove htb {major:x}: {parent}"),
            Action::AddClass {
                device,
                id,
                parent,
                shape,
            } => write!(f, "{device}: add class {id} {} {shape}", under(parent)),
            Action::ChangeClass {
                device, id, shape, ..
            } => write!(f, "{device}: change class {id} to {shape}"),
            Action::RemoveClass { device, id } => write!(f, "{device}: remove class {id}"),
            Action::AddLeaf {
                device,
                class,
                leaf,
            } => write!(f, "{device}: add leaf {leaf} to {class}"),
            Action::ChangeLeaf {
                device,
                class,
                leaf,
            } => write!(f, "{device}: change leaf of {class} to {leaf}"),
            Action::ReplaceLeaf {
                device,
                class,
                leaf,
            } => write!(f, "{device}: replace leaf of {class} by {leaf}"),
            Action::RemoveLeaf {
                device,
                class,
                handle,
            } => write!(f, "{device}: remove leaf {handle:x}: of {class}"),
            Action::LoadTable { slot, digest } => {
                let digest = digest.get(..SHORT).unwrap_or(digest);
                write!(f, "load the table of {digest} into slot {slot}")
            }
            Action::ClearSlot { slot } => write!(f, "empty slot {slot}"),
            Action::SetVlans {
                vlans: [internet, network],
            } => write!(f, "vlans: internet {internet}, network {network}"),
            Action::Attach { device, program } => {
                let program = match program {
                    Program::Download => "download",
                    Program::Upload => "upload",
                    Program::Stick => "stick",
                };
                write!(f, "{device}: attach the program for {program}")
            }
            Action::Detach { device } => write!(f, "{device}: detach the program"),
            Action::Flip {
                to: Active::Nothing,
            } => f.write_str("flip to nothing: everything passes unshaped"),
            Action::Flip {
                to: Active::Slot(slot),
            } => write!(f, "flip to slot {slot}"),
            Action::Barrier => f.write_str("wait for programs that still run"),
            Action::Drain { device, classes } => {
                write!(
                    f,
                    "{device}: wait until {} classes are empty",
                    classes.len()
                )
            }
        }
    }
}

impl fmt::Display for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parent::Root => f.write_str("at the root"),
            Parent::Ingress => f.write_str("at ingress"),
            Parent::Class(id) => write!(f, "under {id}"),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rate {} ceil {} kbit/s, quantum {}",
            self.rate_kbps, self.ceil_kbps, self.quantum
        )?;
        match self.burst {
            0 => Ok(()),
            bytes => write!(f, ", burst {bytes}"),
        }
    }
}

impl fmt::Display for WantedLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:x}:", self.kind, self.handle)?;
        match self.arguments.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", self.arguments),
        }
    }
}
