//! `xtask manuals`: man pages and shell completions of `weir-runtime`, for packages. They are made here because the
//! privileged program carries nothing that it does not need on the box; `weir man` and `weir completions` make its own.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap_complete::Shell;

#[derive(clap::Args)]
pub struct Args {
    /// Directory to write to: `man/weir-runtime.1` and further pages, `completions/weir-runtime.bash` and its like
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

const NAME: &str = "weir-runtime";
const SHELLS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash"),
    (Shell::Zsh, "zsh"),
    (Shell::Fish, "fish"),
];

pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
    let man = args.out.join("man");
    let completions = args.out.join("completions");
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    // `weir-runtime help run` only repeats the page of `weir-runtime run`.
    let command = weir_runtime::cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command.clone(), &man)?;
    for (shell, ending) in SHELLS {
        let mut script = fs::File::create(completions.join(format!("{NAME}.{ending}")))?;
        clap_complete::generate(shell, &mut command.clone(), NAME, &mut script);
    }
    writeln!(out, "wrote {}", args.out.display())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_a_page_and_every_shell_a_script() {
        let dir = tempfile::tempdir().expect("a directory");
        let args = Args {
            out: dir.path().to_owned(),
        };
        run(&args, &mut Vec::new()).expect("it writes");
        for verb in ["", "-run", "-apply", "-status", "-doctor"] {
            let page = dir.path().join(format!("man/{NAME}{verb}.1"));
            let page = fs::read_to_string(page).expect("a page");
            assert!(page.contains(".SH NAME"), "{page}");
        }
        for (_, ending) in SHELLS {
            let script = dir.path().join(format!("completions/{NAME}.{ending}"));
            let script = fs::read_to_string(script).expect("a script");
            assert!(script.contains("detach"), "{ending}");
        }
    }
}
