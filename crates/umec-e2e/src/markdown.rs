//! The commands in a page of documentation: its blocks of `sh`.

/// A block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its first command, from 1.
    pub line: usize,
    /// The commands.
    pub text: String,
}

/// Finds the blocks fenced as `sh`, in their order. Blocks of other languages are not commands.
pub fn commands(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut inside: Option<Option<Block>> = None;
    for (number, line) in (1..).zip(page.lines()) {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut inside, fence) {
            (None, Some(language)) => {
                let commands = language.trim() == "sh";
                inside = Some(commands.then(|| Block {
                    line: number + 1,
                    text: String::new(),
                }));
            }
            (Some(block), Some(_)) => {
                found.extend(block.take());
                inside = None;
            }
            (Some(Some(block)), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None | Some(None), None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_blocks_of_sh_are_commands() {
        let page = "text\n```sh\none\ntwo\n```\n```yaml\nkind: X\n```\n  ```sh\n  three\n  ```\n";
        let found = commands(page);
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Block {
                line: 3,
                text: "one\ntwo\n".to_owned()
            }
        );
        assert_eq!(found[1].line, 10);
    }
}
