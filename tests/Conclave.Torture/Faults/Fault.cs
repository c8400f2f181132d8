namespace Conclave.Torture;

/// <summary>Something that goes wrong for a while.</summary>
/// <param name="Kind">What, for counting.</param>
/// <param name="Span">For how long; zero for what happens in a moment.</param>
/// <param name="Begin">Makes it so.</param>
/// <param name="End">Puts it right.</param>
internal sealed record Fault(string Kind, TimeSpan Span, Func<Task> Begin, Func<Task>? End = null)
{
    /// <summary>Faults with the same one are never there at the same time; null for those that may always be added.</summary>
    public object? Exclusive { get; init; }

    /// <summary>Whether it is laid only for those who ask for it by name: it needs a run of its own to be judged, or takes too long beside others.</summary>
    public bool IsSpecial { get; init; }

    /// <summary>Whether nobody may lose anything by it, if it is the only one.</summary>
    public bool IsHarmless { get; init; }

    /// <summary>Whether no session may end by it, if it is the only one. An ownership has none, and may be lost.</summary>
    public bool SparesSessions { get; init; }

    public static Fault At(string kind, Action act) => new(kind, TimeSpan.Zero, () =>
    {
        act();
        return Task.CompletedTask;
    });

    public static Fault During(string kind, TimeSpan span, Action begin, Action end) => new(
        kind,
        span,
        () =>
        {
            begin();
            return Task.CompletedTask;
        },
        () =>
        {
            end();
            return Task.CompletedTask;
        });
}
