using Conclave.Cli.Output;

namespace Conclave.Cli.Processes;

/// <summary>What a command runs under, as far as its guard is concerned: for how much longer it may run.</summary>
internal interface IGauge
{
    /// <summary>What it is, as in <c>the lock 'x'</c>.</summary>
    string Noun { get; }

    /// <summary>What the command finds in its environment.</summary>
    (string Name, string Value)[] Variables { get; }

    /// <summary>How long the command may run without another look.</summary>
    TimeSpan SafeTime { get; }

    /// <summary>The safe time that is left, or null while it is uncertain for a moment.</summary>
    TimeSpan? Left { get; }

    /// <summary>True while nothing is known to be wrong.</summary>
    bool IsSafe { get; }

    /// <summary>True when the command must not run any more.</summary>
    bool IsLost { get; }

    /// <summary>Why it is lost.</summary>
    string Cause { get; }

    /// <summary>Whether the deadline has moved since this was asked last.</summary>
    bool TakeRenewal(TimeSpan left);

    /// <summary>Throws when the command must not even be started.</summary>
    void ThrowIfLost();

    /// <summary>The safe time runs low and the command was asked to end.</summary>
    void TellExpiring(Messages messages, TimeSpan left);
}
