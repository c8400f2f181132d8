using System.CommandLine;
using System.Text;

namespace Conclave.Cli;

/// <summary>Scripts by which shells complete commands and options, made from the grammar.</summary>
internal static class CompletionScript
{
    /// <summary>The script for a shell, or null for one we do not know.</summary>
    public static string? For(string shell, RootCommand root) => shell switch
    {
        "bash" => Bash(root),
        "zsh" => "#compdef conclave\nautoload -U +X bashcompinit && bashcompinit\n" + Bash(root),
        "fish" => Fish(root),
        _ => null,
    };

    // behind '--' stands somebody else's command line, which the shell completes as it is
    private static string Bash(RootCommand root)
    {
        var cases = new StringBuilder();
        foreach (var (path, words) in Words(root))
        {
            cases.Append($"    '{path}') words='{words}' ;;\n");
        }

        return $$"""
            _conclave() {
              local current=${COMP_WORDS[COMP_CWORD]} path='' words='' i
              for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                  --) COMPREPLY=($(compgen -A command -A file -- "$current")); return ;;
                  -*) ;;
                  *) case " {{Groups(root)}} " in *" $path "*) path="${path:+$path }${COMP_WORDS[i]}" ;; esac ;;
                esac
              done
              case $path in
            {{cases}}  esac
              COMPREPLY=($(compgen -W "$words" -- "$current"))
            }
            complete -F _conclave conclave

            """.Replace("\r\n", "\n", StringComparison.Ordinal);
    }

    private static string Fish(RootCommand root)
    {
        var script = new StringBuilder("complete -c conclave -f\n");
        foreach (var command in root.Subcommands)
        {
            script.Append($"complete -c conclave -n __fish_use_subcommand -a {command.Name}\n");
            foreach (var inner in command.Subcommands)
            {
                script.Append($"complete -c conclave -n '__fish_seen_subcommand_from {command.Name}' -a {inner.Name}\n");
            }

            foreach (var option in command.Options.Concat(command.Subcommands.SelectMany(c => c.Options)).Select(o => o.Name).Distinct())
            {
                script.Append($"complete -c conclave -n '__fish_seen_subcommand_from {command.Name}' -l {option.TrimStart('-')}\n");
            }
        }

        foreach (var option in root.Options)
        {
            script.Append($"complete -c conclave -l {option.Name.TrimStart('-')}\n");
        }

        return script.ToString();
    }

    /// <summary>What may follow each path of commands.</summary>
    private static IEnumerable<(string Path, string Words)> Words(Command command, string path = "", string inherited = "")
    {
        string options = string.Join(' ', command.Options.Select(o => o.Name));
        string shared = string.Join(' ', command.Options.Where(o => o.Recursive).Select(o => o.Name).Append(inherited)).Trim();
        yield return (path, string.Join(' ', command.Subcommands.Select(c => c.Name).Append(options).Append(inherited)).Trim());
        foreach (var inner in command.Subcommands.SelectMany(c => Words(c, $"{path} {c.Name}".Trim(), shared)))
        {
            yield return inner;
        }
    }

    /// <summary>The paths that lead on to other commands, the empty one first.</summary>
    private static string Groups(RootCommand root) => string.Join(' ', root.Subcommands.Where(c => c.Subcommands.Count > 0).Select(c => c.Name).Prepend(" "));
}
