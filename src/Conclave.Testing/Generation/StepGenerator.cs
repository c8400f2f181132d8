using System.Globalization;

namespace Conclave.Testing;

/// <summary>Draws sequences of steps; one seed gives one sequence.</summary>
internal sealed class StepGenerator(int seed, bool timePasses)
{
    private const int Slots = 3;

    // the places where orders and prefixes go wrong: the last character of the plane, surrogates, slashes, escapes, wildcards, case, length
    private static readonly string[] Keys =
        ["k", "k/", "k/a", "k/A", "k/\uFFFD", "k/\U00010000", "k0", "k/%_*", "k/é", "l/" + new string('x', 300), "k/\uE000"];

    private static readonly string[] Prefixes = ["", "k", "k/", "k/\uFFFD", "l", "none"];

    private readonly Random _random = new(seed);
    private int _values;

    public IReadOnlyList<GeneratedStep> Sequence(int length) => [.. Enumerable.Range(0, length).Select(_ => Step() with { Store = _random.Next(2) })];

    private GeneratedStep Step() => _random.Next(100) switch
    {
        < 80 => Commit(),
        < 86 => new SessionStep(StoreCall.OpenSession, _random.Next(Slots)),
        < 90 => new SessionStep(StoreCall.RenewSession, _random.Next(Slots)),
        < 94 => new SessionStep(StoreCall.CloseSession, _random.Next(Slots)),
        < 98 when timePasses => new PassStep(IsLong: false),
        < 100 when timePasses => new PassStep(IsLong: true),
        _ => Commit(),
    };

    private CommitStep Commit()
    {
        var writes = Several(0, 4, Write).DistinctBy(w => w.Key).ToList();
        return new(_random.Next(2) == 0 ? [] : Several(1, 3, Condition), writes, Several(writes.Count == 0 ? 1 : 0, 3, Read));
    }

    private GeneratedCondition Condition() => new(Key(), _random.Next(8) switch
    {
        < 2 => GeneratedRevision.Absent,
        < 6 => GeneratedRevision.Current,
        < 7 => GeneratedRevision.Older,
        _ => GeneratedRevision.Never,
    });

    private GeneratedWrite Write() => _random.Next(4) == 0
        ? new(Key(), null, null)
        : new(Key(), _random.Next(10) == 0 ? "" : "v" + (++_values).ToString(CultureInfo.InvariantCulture), _random.Next(3) == 0 ? _random.Next(Slots) : null);

    private GeneratedRead Read() => _random.Next(2) == 0
        ? new(Key(), IsScan: false, null, 1)
        : new(Prefixes[_random.Next(Prefixes.Length)], IsScan: true, _random.Next(2) == 0 ? Key() : null, _random.Next(2) == 0 ? _random.Next(1, 4) : int.MaxValue);

    private string Key() => Keys[_random.Next(Keys.Length)];

    private List<T> Several<T>(int least, int most, Func<T> draw) => [.. Enumerable.Range(0, _random.Next(least, most + 1)).Select(_ => draw())];
}
