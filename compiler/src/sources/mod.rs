//! Sources: everything that knows one CRM's words. A source lowers its recorded export to [`Records`] and
//! decides nothing about topology. Outside the modules below no CRM is named.

pub mod found;
#[cfg(test)]
mod given;
pub mod inventory;
pub mod json;
pub mod libreqos;
pub mod mikrotik;
pub mod netzur;
pub mod notes;
pub mod places;
pub mod position;
pub mod powercode;
pub mod rows;
pub mod sonar;
pub mod splynx;
pub mod table;
#[cfg(test)]
pub mod testing;
pub mod text;
pub mod uisp;
pub mod values;
pub mod visp;
pub mod wispgate;

use crate::config::date::Date;
use crate::config::project::{Source, SourceKind};
use crate::exports::Export;
use crate::ir::records::Records;
use crate::source_map::SourceMap;

/// Whether a source knows that services are suspended. One that does not says nothing by calling them active.
pub fn states_service(source: &Source) -> bool {
    match source.kind {
        SourceKind::Libreqos | SourceKind::Netzur | SourceKind::Wispgate => false,
        SourceKind::Table => (source.table.as_ref()).is_some_and(|table| table.state.is_some()),
        _ => true,
    }
}

/// Lowers one export. Total: what cannot be read is in `Records::evidence`. `today` is the day of the build, for what a
/// record says up to a day; without it nothing ends.
pub fn lower(source: &Source, export: &Export, files: &SourceMap, today: Option<Date>) -> Records {
    match source.kind {
        SourceKind::Inventory => inventory::lower(source, export, files),
        SourceKind::Libreqos => libreqos::lower(source, export, files),
        SourceKind::Mikrotik => mikrotik::lower(source, export, files),
        SourceKind::Netzur => netzur::lower(source, export, files),
        SourceKind::Powercode => powercode::lower(source, export, files),
        SourceKind::Sonar => sonar::lower(source, export, files),
        SourceKind::Splynx => splynx::lower(source, export, files),
        SourceKind::Table => table::lower(source, export, files),
        SourceKind::Uisp => uisp::lower(source, export, files, today),
        SourceKind::Visp => visp::lower(source, export, files),
        SourceKind::Wispgate => wispgate::lower(source, export, files),
    }
}
