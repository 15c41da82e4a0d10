//! The machine that loses power: a Debian kernel in QEMU, an initramfs with `weir` in it, and a disk of ours. Knows how
//! to boot it, what it says, and how to take its power; not what the words mean.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::super::Error;
use super::super::cargo::run;

/// A machine that says nothing for so long hangs. Emulated on a busy computer it is slow.
const PATIENCE: Duration = Duration::from_secs(900);

const MODULES: [&str; 11] = [
    "crc32c_generic",
    "crc16",
    "mbcache",
    "jbd2",
    "ext4",
    "virtio",
    "virtio_ring",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
];

/// What every boot needs.
pub struct Parts {
    kernel: PathBuf,
    initramfs: PathBuf,
}

/// Programs without which there is no machine, and their Debian packages.
pub fn missing() -> Option<String> {
    let programs = [
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("busybox", "busybox-static"),
        ("cpio", "cpio"),
        ("mke2fs", "e2fsprogs"),
        ("strip", "binutils"),
        ("dpkg-deb", "dpkg"),
    ];
    let lacks = |program: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
        !std::env::split_paths(&path)
            .chain(sbin)
            .any(|dir| dir.join(program).is_file())
    };
    programs
        .iter()
        .find(|(program, _)| lacks(program))
        .map(|(program, package)| {
            format!("there is no `{program}` here: install the package {package}")
        })
}

/// Makes kernel and initramfs in `work`.
pub fn parts(work: &Path, weir: &Path, deb: &Path, isp: &str) -> Result<Parts, Error> {
    let image = work.join("image");
    run(Command::new("dpkg-deb").arg("-x").args([deb, &image]))?;
    let boot = fs::read_dir(image.join("boot"))
        .map_err(|_| format!("{}: it holds no kernel", deb.display()))?;
    let kernel = boot
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with("vmlinuz-"))
        })
        .ok_or_else(|| format!("{}: it holds no kernel", deb.display()))?;
    let root = work.join("root");
    for dir in ["bin", "dev", "proc", "sys", "tmp", "mods"] {
        fs::create_dir_all(root.join(dir))?;
    }
    let busybox = run(Command::new("sh").args(["-c", "command -v busybox"]))?;
    fs::copy(busybox.trim(), root.join("bin/busybox"))?;
    for name in [
        "sh", "mount", "insmod", "cat", "echo", "mkdir", "mv", "sed", "head", "tail", "tr",
        "poweroff",
    ] {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name))?;
    }
    // `sync FILE` is not in every busybox.
    with_libraries(Path::new("/bin/sync"), "sync", &root)?;
    // By the name that the machine calls, whatever the one that is drilled is called here.
    with_libraries(weir, "weir", &root)?;
    run(Command::new("strip").arg("-g").arg(root.join("bin/weir")))?;
    let modules = run(Command::new("find")
        .arg(image.join("lib/modules"))
        .args(["-name", "*.ko"]))?;
    for module in modules.lines().map(Path::new) {
        let name = module.file_stem().unwrap_or_default().to_string_lossy();
        if MODULES.contains(&name.as_ref()) {
            fs::copy(module, root.join("mods").join(format!("{name}.ko")))?;
        }
    }
    fs::write(root.join("isp.json"), isp)?;
    fs::write(root.join("filler"), "all work and no play\n".repeat(4000))?;
    fs::write(root.join("init"), include_str!("init.sh"))?;
    run(Command::new("chmod").arg("+x").arg(root.join("init")))?;
    let initramfs = work.join("initramfs");
    run(Command::new("sh")
        .args([
            "-c",
            "find . | cpio -o -H newc --quiet | gzip -1 >../initramfs",
        ])
        .current_dir(&root))?;
    Ok(Parts { kernel, initramfs })
}

/// A program into `bin` by a name, and the libraries that it is linked to where it looks for them. A static program has
/// none, which `ldd` calls a failure.
fn with_libraries(program: &Path, name: &str, root: &Path) -> Result<(), Error> {
    fs::copy(program, root.join("bin").join(name))?;
    let linked = match run(Command::new("ldd").arg(program).env("LC_ALL", "C")) {
        Err(said) if said.to_string().contains("not a dynamic executable") => String::new(),
        said => said?,
    };
    let paths = linked
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    for library in paths {
        let to = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(to.parent().ok_or("a library is in a directory")?)?;
        fs::copy(library, to)?;
    }
    Ok(())
}

/// A file system for its disk, with a directory in it.
pub fn image(work: &Path, contents: &Path) -> Result<Vec<u8>, Error> {
    let image = work.join("disk");
    run(Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-d"])
        .arg(contents)
        .arg(&image)
        .arg("96M")
        .env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin"))?;
    Ok(fs::read(&image)?)
}

/// A machine that runs.
pub struct Machine {
    qemu: Child,
    lines: Receiver<String>,
    log: Vec<String>,
}

impl Machine {
    /// Boots it from `socket`; its rounds go on after the nth.
    pub fn boot(parts: &Parts, socket: &Path, n: u64) -> Result<Machine, Error> {
        let mut qemu = Command::new("qemu-system-x86_64")
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1"])
            .args(["-m", "512", "-no-reboot", "-nic", "none"])
            .args(["-nographic", "-monitor", "none", "-serial", "stdio"])
            .arg("-drive")
            .arg(format!(
                "file=nbd:unix:{},format=raw,if=virtio,cache=writeback",
                socket.display()
            ))
            .arg("-kernel")
            .arg(&parts.kernel)
            .arg("-initrd")
            .arg(&parts.initramfs)
            .arg("-append")
            .arg(format!(
                "console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check weir.n={n}"
            ))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = qemu.stdout.take().ok_or("it has a console")?;
        let (say, lines) = channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                // What a line lacks its end of was not said.
                let whole = line.ends_with(b"\n");
                line.clear();
                if whole && say.send(text).is_err() {
                    break;
                }
            }
        });
        Ok(Machine {
            qemu,
            lines,
            log: Vec::new(),
        })
    }

    /// The next thing it says to the drill, without its sign; `None` when it is silent until `until`.
    pub fn next(&mut self, until: Option<Instant>) -> Result<Option<String>, Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let end = until.unwrap_or(deadline).min(deadline);
            match self
                .lines
                .recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    if let Some((_, said)) = line.split_once('@') {
                        let said = said.to_owned();
                        self.log.push(line);
                        return Ok(Some(said));
                    }
                    self.log.push(line);
                }
                Err(RecvTimeoutError::Timeout) if until.is_some_and(|u| Instant::now() >= u) => {
                    return Ok(None);
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the machine hangs:\n{}", self.end()).into());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the machine ended by itself:\n{}", self.end()).into());
                }
            }
        }
    }

    /// Takes its power. Gives what it had said by then.
    pub fn cut(mut self) -> Result<Vec<String>, Error> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        let rest: Vec<String> = self.lines.iter().collect();
        Ok(rest
            .iter()
            .filter_map(|line| Some(line.split_once('@')?.1.to_owned()))
            .collect())
    }

    fn end(&self) -> String {
        self.log[self.log.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It is dead already, unless something went wrong.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
