namespace Conclave.Cli.Processes;

/// <summary>
/// Who has the terminal. A guarded command is in a group of its own, so it gets the terminal as a shell would give it: Ctrl-C then reaches
/// the command once and us not at all.
/// </summary>
internal sealed class Terminal
{
    private const int Stdin = 0;
    private const int Stdout = 1;
    private const nint Ignore = 1;

    private readonly int _ownGroup = Posix.GetOwnGroup();
    private readonly bool _isThere = Posix.IsTerminal(Stdin) == 1;
    private int _given;

    public Terminal()
    {
        if (_isThere)
        {
            // taking the terminal back from the background, and writing to one with "stty tostop", must not stop us
            _ = Posix.SetSignalHandler(Posix.SigTtou, Ignore);
        }
    }

    /// <summary>
    /// True when the command should have the terminal from the start, and it is ours to give. In a pipeline a pager behind us may need it
    /// more: there the command gets it when it asks.
    /// </summary>
    public bool IsForCommand => _isThere && Posix.IsTerminal(Stdout) == 1 && Posix.GetForegroundGroup(Stdin) == _ownGroup;

    /// <summary>Makes a group the foreground group. False when the terminal is not ours to give, as after <c>conclave … &amp;</c>.</summary>
    public bool TryGive(ProcessGroup group)
    {
        if (!_isThere || (Posix.GetForegroundGroup(Stdin) is var foreground && foreground != _ownGroup && foreground != group.Id)
            || Posix.SetForegroundGroup(Stdin, group.Id) != 0)
        {
            return false;
        }

        _given = group.Id;
        return true;
    }

    /// <summary>Takes the terminal back from the command, or from a group that is gone; not from one that lives.</summary>
    public void TakeBack()
    {
        if (_isThere && Posix.GetForegroundGroup(Stdin) is var foreground && foreground != _ownGroup
            && foreground > 0 && (foreground == _given || Posix.Kill(-foreground, 0) != 0))
        {
            _ = Posix.SetForegroundGroup(Stdin, _ownGroup);
        }

        _given = 0;
    }
}
