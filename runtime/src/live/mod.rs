//! The kernel that this process runs on, as swaps need it: observed over netlink and `bpf(2)`, changed one batch at
//! a time.
//!
//! It decides nothing: an act is done as it is said or refused. That a thing was done is told by observing again.

mod error;
mod queueing;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use weir_abi::ClassId;
use weir_plan::Action;
use weir_plan::kernel::{Active, Device, Interface, Observation, Program, ProgramSeen, Tables};

use crate::bpf::{self, Hooks, Maps, Object, Pins, hook, steer};
use crate::netlink::link::{self, Link};
use crate::netlink::watch::Watch;
use crate::netlink::{Socket, tc};
use crate::observe;
use crate::swap::{ErrorKind, Generation, Kernel, KernelError};

use error::{bpf_error, error, netlink_error};

/// The live kernel, of the network namespace it was opened in.
pub struct Live {
    socket: Socket,
    pins: Pins,
    hooks: Hooks,
    /// Loaded when a program or the maps are first needed.
    object: Option<Object>,
    /// Hears of changes; without it nothing is remembered.
    watch: Option<Watch>,
    /// The interfaces as they were last read.
    known: Vec<Interface>,
}

impl Live {
    /// `pins`: directory on a BPF file system, of this runtime alone. Nothing is made yet.
    pub fn open(pins: &Path) -> Result<Self, KernelError> {
        Self::with_hooks(pins, Hooks::of_this_kernel())
    }

    /// With a choice of the hook, which tests use to try both.
    pub fn with_hooks(pins: &Path, hooks: Hooks) -> Result<Self, KernelError> {
        let doing = "open the kernel";
        Ok(Self {
            socket: Socket::open().map_err(netlink_error(doing))?,
            pins: Pins::at(pins).map_err(bpf_error(doing))?,
            hooks,
            object: None,
            watch: Watch::open().ok(),
            known: Vec::new(),
        })
    }

    /// Which hook programs are attached at.
    pub fn hooks(&self) -> Hooks {
        self.hooks
    }

    pub fn pins(&self) -> &Pins {
        &self.pins
    }

    /// The pinned maps; `None` when there are none.
    pub fn maps(&self) -> Result<Option<Maps>, KernelError> {
        Maps::open(&self.pins).map_err(bpf_error("open the maps"))
    }

    /// The spelling of a leaf's options that observing gives back. `kind` as the kernel calls it, `arguments` as
    /// `tc` takes them; `device` because defaults depend on its MTU (1500 where it is not there).
    pub fn spelling(
        &mut self,
        device: &str,
        kind: &str,
        arguments: &str,
    ) -> Result<String, KernelError> {
        let leaf = crate::netlink::leaf::Leaf::parse(kind, arguments)
            .map_err(|bad| error(ErrorKind::Other, "read the options of leaves", bad))?;
        let mtu = self.links()?.get(device).map_or(1500, |link| link.mtu);
        Ok(leaf.text(mtu))
    }

    /// Steers what arrives at an interface to the CPUs of its queues, see [`Maps::set_queue_cpus`]. `egress`: the
    /// program at its egress, which tells the side it is on. Makes the maps where there are none.
    pub fn steer(&mut self, device: &str, egress: Program) -> Result<(), KernelError> {
        let doing = format!("steer what arrives at {device}");
        let index = self.index(device, &doing)?;
        loaded(&mut self.object, &self.pins)
            .and_then(|object| steer::start(&self.pins, object, index, egress))
            .map_err(bpf_error(&doing))
    }

    /// Steers no more.
    pub fn unsteer(&mut self, device: &str) -> Result<(), KernelError> {
        let doing = format!("steer nothing at {device}");
        let index = self.index(device, &doing)?;
        steer::stop(&self.pins, index).map_err(bpf_error(&doing))
    }

    /// Steers nothing anywhere but at these interfaces, and with no interface hands nothing to any CPU. Tells whether
    /// there was anything to take away.
    pub fn unsteer_others(&mut self, devices: &[&str]) -> Result<bool, KernelError> {
        let doing = "steer nothing at other interfaces";
        let steered = self.pins.steered().map_err(bpf_error(doing))?;
        if steered.is_empty() {
            return Ok(false);
        }
        let links = self.links()?;
        let kept: Vec<u32> = devices
            .iter()
            .filter_map(|device| links.get(*device).map(|link| link.index))
            .collect();
        let others: Vec<u32> = steered.into_iter().filter(|i| !kept.contains(i)).collect();
        for index in &others {
            steer::stop(&self.pins, *index).map_err(bpf_error(doing))?;
        }
        if kept.is_empty()
            && let Some(maps) = self.maps()?
        {
            maps.set_queue_cpus(&[]).map_err(bpf_error(doing))?;
        }
        Ok(!others.is_empty())
    }

    pub fn is_steered(&mut self, device: &str) -> Result<bool, KernelError> {
        let doing = format!("ask whether {device} is steered");
        let index = self.index(device, &doing)?;
        steer::is_on(&self.pins, index).map_err(bpf_error(&doing))
    }

    fn index(&mut self, device: &str, doing: &str) -> Result<u32, KernelError> {
        self.links()?
            .get(device)
            .map(|link| link.index)
            .ok_or_else(|| {
                error(
                    ErrorKind::NoDevice,
                    doing,
                    format!("there is no interface {device}"),
                )
            })
    }

    /// Takes everything of this runtime away that is not queueing: programs of all interfaces that are still there,
    /// then every pin. Traffic passes unshaped before anything else goes.
    pub fn remove_programs(&mut self) -> Result<(), KernelError> {
        let doing = "detach";
        if let Some(maps) = self.maps()? {
            maps.flip(Active::Nothing).map_err(bpf_error(doing))?;
        }
        for link in self.links()?.into_values() {
            hook::detach(&self.pins, &mut self.socket, link.index).map_err(bpf_error(doing))?;
            steer::stop(&self.pins, link.index).map_err(bpf_error(doing))?;
        }
        self.object = None;
        self.pins.remove_all().map_err(bpf_error(doing))
    }

    fn links(&mut self) -> Result<BTreeMap<String, Link>, KernelError> {
        let links = link::all(&mut self.socket).map_err(netlink_error("list interfaces"))?;
        Ok(links
            .into_iter()
            .map(|link| (link.name.clone(), link))
            .collect())
    }

    fn tables(&self) -> Result<Tables, KernelError> {
        match self.maps()? {
            Some(maps) => maps.tables().map_err(bpf_error("read the maps")),
            None => Ok(Tables::default()),
        }
    }

    /// The object, loaded. Makes the maps where there are none.
    fn object(&mut self) -> Result<&mut Object, bpf::Error> {
        loaded(&mut self.object, &self.pins)
    }

    /// The maps; made where there are none.
    fn made(&mut self) -> Result<Maps, bpf::Error> {
        self.object()?;
        self.opened()
    }

    fn program_at(&mut self, index: u32) -> Result<Option<ProgramSeen>, bpf::Error> {
        let Some(attached) = hook::attached(&self.pins, &mut self.socket, index)? else {
            return Ok(None);
        };
        let mut program = attached.program;
        if let Some(named) = program {
            let (_, built) = self.object()?.program(hook::name(named))?;
            program = (built.tag == attached.tag).then_some(named);
        }
        Ok(Some(ProgramSeen {
            program,
            tcx: attached.tcx,
            tag: attached.tag,
        }))
    }

    /// The acts on programs and tables.
    fn act(
        &mut self,
        action: &Action,
        links: &BTreeMap<String, Link>,
        generation: Option<&Generation<'_>>,
    ) -> Result<(), KernelError> {
        let doing = error::doing(action);
        let index = |device: &str| {
            links.get(device).map(|link| link.index).ok_or_else(|| {
                error(
                    ErrorKind::NoDevice,
                    &doing,
                    format!("there is no interface {device}"),
                )
            })
        };
        let result = match action {
            Action::LoadTable { slot, digest } => {
                let Some(generation) = generation.filter(|g| g.digest == digest) else {
                    let reason = "the generation that was handed over is another one";
                    return Err(error(ErrorKind::Other, &doing, reason));
                };
                self.made().and_then(|maps| {
                    maps.load(&self.pins, *slot, generation.digest, generation.table)
                })
            }
            Action::ClearSlot { slot } => {
                self.opened().and_then(|maps| maps.clear(&self.pins, *slot))
            }
            Action::SetVlans { vlans } => self.made().and_then(|maps| {
                let mut settings = maps.settings()?;
                [settings.internet_vlan, settings.network_vlan] = *vlans;
                maps.set_settings(&settings)
            }),
            Action::Attach { device, program } => {
                let index = index(device)?;
                let Self {
                    socket,
                    pins,
                    hooks,
                    object,
                    ..
                } = self;
                loaded(object, pins)
                    .and_then(|object| hook::attach(pins, object, socket, *hooks, index, *program))
            }
            Action::Detach { device } => {
                let index = index(device)?;
                hook::detach(&self.pins, &mut self.socket, index)
            }
            Action::Flip { to } => match (self.maps()?, to) {
                (Some(maps), to) => maps.flip(*to),
                (None, Active::Nothing) => Ok(()),
                (None, Active::Slot(slot)) => Err(bpf::Error::EmptySlot(*slot)),
            },
            Action::Barrier => bpf::barrier(),
            // The caller waits, by its own clock.
            Action::Drain { .. } => Ok(()),
            Action::AddMq { .. }
            | Action::RemoveMq { .. }
            | Action::AddHtb { .. }
            | Action::RemoveHtb { .. }
            | Action::AddClass { .. }
            | Action::ChangeClass { .. }
            | Action::RemoveClass { .. }
            | Action::AddLeaf { .. }
            | Action::ChangeLeaf { .. }
            | Action::ReplaceLeaf { .. }
            | Action::RemoveLeaf { .. } => {
                return Err(error(ErrorKind::Other, &doing, "it is an act of queueing"));
            }
        };
        result.map_err(bpf_error(&doing))
    }

    fn opened(&self) -> Result<Maps, bpf::Error> {
        Maps::open(&self.pins)?.ok_or_else(|| bpf::Error::Object("its maps are not pinned".into()))
    }
}

/// Pins can be removed under a process that lives on; programs must never go to maps that are not pinned.
fn loaded<'a>(object: &'a mut Option<Object>, pins: &Pins) -> Result<&'a mut Object, bpf::Error> {
    let pinned = Maps::open(pins)?.is_some();
    match object.take() {
        Some(kept) if pinned => Ok(object.insert(kept)),
        _ => Ok(object.insert(Object::load(pins)?)),
    }
}

impl Kernel for Live {
    fn observe(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        if !devices.is_empty() {
            self.known.clear();
            // What changes from here on is heard of after it was read.
            if let Some(watch) = &mut self.watch {
                watch.changed();
            }
        }
        let links = self.links()?;
        let mut interfaces = Vec::with_capacity(devices.len());
        for device in devices {
            let doing = format!("read interface {device}");
            let link = links.get(device);
            let mut interface = observe::interface(&mut self.socket, device, link)
                .map_err(netlink_error(&doing))?;
            if let Some(index) = interface.index {
                interface.program = self.program_at(index).map_err(bpf_error(&doing))?;
            }
            interfaces.push(interface);
        }
        if self.watch.is_some() {
            self.known.clone_from(&interfaces);
        }
        let tables = self.tables()?;
        Ok(Observation { interfaces, tables })
    }

    /// Qdiscs and classes from memory; programs and slots are few, and are read.
    fn recall(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        let quiet = self.watch.as_mut().is_some_and(|watch| !watch.changed());
        let same = self.known.iter().map(|i| &i.name).eq(devices);
        if !quiet || !same {
            return self.observe(devices);
        }
        let mut interfaces = self.known.clone();
        for interface in &mut interfaces {
            let doing = format!("read interface {}", interface.name);
            if let Some(index) = interface.index {
                interface.program = self.program_at(index).map_err(bpf_error(&doing))?;
            }
        }
        let tables = self.tables()?;
        Ok(Observation { interfaces, tables })
    }

    /// Of classes only those in the HTBs that the acts were in, and no leaves; the qdiscs above them are those that were
    /// read last.
    fn look(&mut self, devices: &[Device], actions: &[Action]) -> Result<Observation, KernelError> {
        let Some(touched) = queueing::touched(actions) else {
            return self.observe(devices);
        };
        let links = self.links()?;
        let mut interfaces = Vec::with_capacity(touched.len());
        for (device, majors) in touched {
            let doing = format!("read interface {device}");
            let Some(known) = self.known.iter().find(|i| i.name == *device) else {
                return self.observe(devices);
            };
            let link = links.get(device);
            let mut interface = observe::classes(&mut self.socket, device, link, &majors)
                .map_err(netlink_error(&doing))?;
            let above = known.qdiscs.iter().filter(|q| observe::is_above(q));
            interface.qdiscs = above.cloned().collect();
            interfaces.push(interface);
        }
        let tables = self.tables()?;
        Ok(Observation { interfaces, tables })
    }

    fn apply(
        &mut self,
        actions: &[Action],
        generation: Option<&Generation<'_>>,
    ) -> Vec<Result<(), KernelError>> {
        let links = match self.links() {
            Ok(links) => links,
            Err(error) => return actions.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut answers = Vec::with_capacity(actions.len());
        let mut rest = actions;
        while let Some(first) = rest.first() {
            let queueing = rest.iter().take_while(|a| queueing::is_queueing(a)).count();
            if queueing == 0 {
                answers.push(self.act(first, &links, generation));
                rest = &rest[1..];
            } else {
                let (now, later) = rest.split_at(queueing);
                answers.extend(queueing::apply(&mut self.socket, &links, now));
                rest = later;
            }
        }
        answers
    }

    fn waiting(&mut self, device: &str, classes: &[ClassId]) -> Result<u64, KernelError> {
        let doing = format!("read what waits on {device}");
        let Some(index) = self.links()?.get(device).map(|link| link.index) else {
            return Ok(0);
        };
        let mut by_major: BTreeMap<u16, Vec<ClassId>> = BTreeMap::new();
        for class in classes {
            by_major.entry(class.major()).or_default().push(*class);
        }
        let mut waiting = 0;
        for (major, mut wanted) in by_major {
            wanted.sort_unstable();
            let told =
                tc::classes(&mut self.socket, index, Some(major)).map_err(netlink_error(&doing))?;
            waiting += told
                .iter()
                .filter(|class| wanted.binary_search(&class.id).is_ok())
                .map(|class| u64::from(class.stats.backlog_packets))
                .sum::<u64>();
        }
        Ok(waiting)
    }

    fn boot_id(&mut self) -> Result<String, KernelError> {
        let path = "/proc/sys/kernel/random/boot_id";
        std::fs::read_to_string(path)
            .map(|id| id.trim().to_owned())
            .map_err(|e| {
                error(
                    ErrorKind::Other,
                    "tell this boot from others",
                    format!("{path}: {e}"),
                )
            })
    }

    fn now(&mut self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}
