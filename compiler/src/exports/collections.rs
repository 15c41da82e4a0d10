//! What the export of each kind of source may hold: the table that reading goes by.

use crate::config::project::SourceKind;
use crate::source_map::Format;

/// What the export of a source kind may hold.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    pub name: &'static str,
    pub format: Format,
    /// `true`: `<name>.json`, or `<name>.page-1.json` and so on. `false`: the name is the file's. A `*` in the name of
    /// the first kind stands for the id of what the collection is about.
    pub paged: bool,
}

const fn responses(name: &'static str) -> Collection {
    Collection {
        name,
        format: Format::Json,
        paged: true,
    }
}

pub(super) const fn file(name: &'static str, format: Format) -> Collection {
    Collection {
        name,
        format,
        paged: false,
    }
}

/// Whether every file of a source is a list of records and nothing else, so that it can be read in pieces.
pub(super) fn in_pieces(kind: SourceKind) -> bool {
    match kind {
        SourceKind::Splynx | SourceKind::Uisp | SourceKind::Wispgate => true,
        SourceKind::Inventory
        | SourceKind::Libreqos
        | SourceKind::Mikrotik
        | SourceKind::Netzur
        | SourceKind::Powercode
        | SourceKind::Sonar
        | SourceKind::Table
        | SourceKind::Visp => false,
    }
}

/// The one table of what is read, sorted by name within a kind. Other files in an export directory are ignored.
pub fn collections(kind: SourceKind) -> &'static [Collection] {
    const INVENTORY: &[Collection] = &[responses("inventory")];
    const LIBREQOS: &[Collection] = &[
        file("ShapedDevices.csv", Format::Csv),
        file("lqos.conf", Format::Toml),
        file("lqos_overrides.json", Format::Json),
        file("network.json", Format::Json),
    ];
    const MIKROTIK: &[Collection] = &[
        responses("arp"),
        responses("bindings"),
        responses("leases"),
        responses("neighbors"),
    ];
    const NETZUR: &[Collection] = &[responses("libreqos")];
    const POWERCODE: &[Collection] = &[
        responses("customers"),
        responses("services"),
        responses("sites"),
    ];
    const SONAR: &[Collection] = &[
        responses("account-statuses"),
        responses("accounts"),
        responses("network-sites"),
    ];
    const SPLYNX: &[Collection] = &[
        responses("customers"),
        responses("fup"),
        responses("ipv6"),
        responses("monitoring"),
        responses("network-sites"),
        responses("online"),
        responses("routers"),
        responses("sectors"),
        responses("services"),
        responses("tariffs"),
    ];
    const UISP: &[Collection] = &[
        responses("crm-clients"),
        responses("crm-plans"),
        responses("crm-services"),
        responses("data-links"),
        responses("devices"),
        responses("sites"),
    ];
    const VISP: &[Collection] = &[
        responses("assemblies"),
        responses("bulk"),
        responses("customer-*-ips"),
        responses("customer-*-services"),
        responses("equipment"),
        responses("online"),
        responses("subscribers"),
    ];
    const WISPGATE: &[Collection] = &[responses("shaped-devices")];
    match kind {
        SourceKind::Inventory => INVENTORY,
        SourceKind::Libreqos => LIBREQOS,
        SourceKind::Mikrotik => MIKROTIK,
        SourceKind::Netzur => NETZUR,
        SourceKind::Powercode => POWERCODE,
        SourceKind::Sonar => SONAR,
        SourceKind::Splynx => SPLYNX,
        // Its files are named in the project.
        SourceKind::Table => &[],
        SourceKind::Uisp => UISP,
        SourceKind::Visp => VISP,
        SourceKind::Wispgate => WISPGATE,
    }
}

impl Collection {
    /// The name of its file when it is not cut into pages.
    pub fn file_name(&self) -> String {
        if self.paged {
            format!("{}.json", self.name)
        } else {
            self.name.to_owned()
        }
    }
}
