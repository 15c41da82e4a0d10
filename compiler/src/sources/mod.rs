//! Sources: everything that knows one CRM's words. A source lowers its recorded export to [`Records`] and
//! decides nothing about topology. Outside the modules below no CRM is named.

pub mod found;
pub mod inventory;
pub mod json;
pub mod libreqos;
pub mod notes;
pub mod places;
pub mod powercode;
pub mod sonar;
pub mod splynx;
#[cfg(test)]
pub mod testing;
pub mod text;
pub mod uisp;

use crate::config::project::{Source, SourceKind};
use crate::exports::Export;
use crate::ir::records::Records;
use crate::source_map::SourceMap;

/// Whether a kind of source knows that services are suspended. One that does not says nothing by calling them active.
pub fn states_service(kind: SourceKind) -> bool {
    !matches!(kind, SourceKind::Libreqos)
}

/// Lowers one export. Total: what cannot be read is in `Records::evidence`.
pub fn lower(source: &Source, export: &Export, files: &SourceMap) -> Records {
    match source.kind {
        SourceKind::Inventory => inventory::lower(source, export, files),
        SourceKind::Libreqos => libreqos::lower(source, export, files),
        SourceKind::Powercode => powercode::lower(source, export, files),
        SourceKind::Sonar => sonar::lower(source, export, files),
        SourceKind::Splynx => splynx::lower(source, export, files),
        SourceKind::Uisp => uisp::lower(source, export, files),
    }
}
