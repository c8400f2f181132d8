using System.Globalization;

namespace Conclave.Torture;

/// <summary>A claim as its holder saw it. Times are of the boot clock, in nanoseconds.</summary>
/// <param name="Worker">Who.</param>
/// <param name="Kind">lock, leader, semaphore; or ownership, which is usually alone.</param>
/// <param name="Name">Its name.</param>
/// <param name="Weight">How many permits.</param>
/// <param name="Token">Its token; ownerships have none.</param>
/// <param name="Called">When it was asked for.</param>
/// <param name="Granted">When the call returned.</param>
internal sealed record Hold(int Worker, string Kind, string Name, int Weight, long Token, long Called, long Granted)
{
    /// <summary>When its holder first looked and believed; null when it never did.</summary>
    public long? From { get; set; }

    /// <summary>When its holder last looked and believed.</summary>
    public long To { get; set; }

    /// <summary>When its holder was told of its loss; never, in time to come, for one that was not.</summary>
    public long Signalled { get; set; } = long.MaxValue;

    /// <summary>Whether it was lost before its holder let go of it.</summary>
    public bool IsLost { get; set; }

    /// <summary>Whether its holder stopped believing, rather than was killed.</summary>
    public bool HasEnded { get; set; }

    /// <summary>Whether its holder lost it because the store no longer knew its session, and not because its own deadline had come.</summary>
    public bool IsForgotten { get; set; }

    public bool Overlaps(Hold other) => From is { } from && other.From is { } otherFrom && from <= other.To && otherFrom <= To;
}

/// <summary>How many additions were asked for, and how many of them are known to have been made.</summary>
internal readonly record struct Additions(long Asked, long Made);

/// <summary>What all workers told.</summary>
internal sealed class History
{
    // a try is several acquires and releases
    private const int OperationsOfTry = 4;

    private readonly Lock _lock = new();
    private readonly Dictionary<(int Worker, string Id), Hold> _byId = [];
    private readonly Dictionary<int, (long Commits, long WakeUps, long Renewals)> _costs = [];
    private readonly Dictionary<(int Worker, string Kind), long> _lastGrants = [];
    private readonly Dictionary<(string Kind, string Name), Additions> _additions = [];
    private readonly List<Hold> _holds = [];
    private readonly List<Violation> _wrongs = [];
    private readonly List<double> _lossLatencies = [];
    private readonly IReadOnlyList<string> _kinds;
    private readonly Action<string> _tell;
    private readonly Func<long> _now;
    private long _others;

    /// <param name="kinds">What the workers do.</param>
    /// <param name="now">The boot clock, in nanoseconds.</param>
    /// <param name="tell">Hears of what must not be, at once.</param>
    public History(IReadOnlyList<string> kinds, Func<long> now, Action<string> tell) => (_kinds, _now, _tell) = (kinds, now, tell);

    public int Refused { get; private set; }

    public int Accepted { get; private set; }

    /// <summary>Per kind and name: how many additions were asked for, and how many of them are known to have been made.</summary>
    public IReadOnlyDictionary<(string Kind, string Name), Additions> Additions
    {
        get
        {
            lock (_lock)
            {
                return new Dictionary<(string Kind, string Name), Additions>(_additions);
            }
        }
    }

    /// <summary>How often a comparison said that an owner had not been alone.</summary>
    public int Conflicts { get; private set; }

    public int Losses { get; private set; }

    public IReadOnlyList<Hold> Holds
    {
        get
        {
            lock (_lock)
            {
                return [.. _holds];
            }
        }
    }

    /// <summary>What the workers themselves saw that must not be.</summary>
    public IReadOnlyList<Violation> Wrongs
    {
        get
        {
            lock (_lock)
            {
                return [.. _wrongs];
            }
        }
    }

    /// <summary>How long after a claim could no longer be believed its Lost signal came, in milliseconds.</summary>
    public IReadOnlyList<double> LossLatencies
    {
        get
        {
            lock (_lock)
            {
                return [.. _lossLatencies];
            }
        }
    }

    /// <summary>What went to the store so far, over all workers.</summary>
    public Cost Cost
    {
        get
        {
            lock (_lock)
            {
                return new(_costs.Values.Sum(c => c.Commits), _costs.Values.Sum(c => c.WakeUps), _costs.Values.Sum(c => c.Renewals), _holds.Count + _others + _additions.Values.Sum(a => a.Made));
            }
        }
    }

    /// <summary>Whether every kind of exercise of these workers got something since a moment.</summary>
    public string? Missing(IEnumerable<int> workers, long since)
    {
        lock (_lock)
        {
            foreach (int worker in workers)
            {
                foreach (string kind in _kinds)
                {
                    if (_lastGrants.GetValueOrDefault((worker, kind)) < since)
                    {
                        return $"worker {worker} got no {kind}";
                    }
                }
            }

            return null;
        }
    }

    public void Hear(int worker, string line)
    {
        string[] words = line.Split(' ');
        lock (_lock)
        {
            switch (words[0])
            {
                case "grant":
                    var hold = new Hold(worker, words[2], words[3], (int)Number(words[4]), Number(words[5]), Number(words[6]), Number(words[7]));
                    _byId[(worker, words[1])] = hold;
                    _holds.Add(hold);
                    _lastGrants[(worker, words[2])] = hold.Granted;
                    break;
                case "look":
                    var seen = _byId[(worker, words[1])];
                    (seen.From, seen.To) = (seen.From ?? Number(words[2]), Number(words[2]));
                    if (seen.To > seen.Signalled)
                    {
                        Add(new("loss signal", $"worker {worker}: {seen.Kind} '{seen.Name}' (token {seen.Token}) was believed {(seen.To - seen.Signalled) / 1e6:0.000} ms after its loss was told", seen.To, (seen.Kind, seen.Name)));
                    }

                    break;
                case "end":
                    _byId[(worker, words[1])].HasEnded = true;
                    _byId[(worker, words[1])].IsForgotten |= words[3] == "lost" && words.ElementAtOrDefault(4) == "forgotten";
                    _byId[(worker, words[1])].IsLost |= words[3] == "lost";
                    Losses += words[3] == "lost" ? 1 : 0;
                    break;
                case "gone":
                    _byId[(worker, words[1])].IsForgotten = true;
                    break;
                case "lost":
                    var lost = _byId[(worker, words[1])];
                    (lost.IsLost, lost.Signalled) = (true, Number(words[2]));
                    lost.IsForgotten |= words.ElementAtOrDefault(4) == "forgotten";
                    _lossLatencies.Add(double.Parse(words[3], CultureInfo.InvariantCulture));
                    break;
                case "adding":
                    Count(words, asked: 1, made: 0);
                    break;
                case "added":
                    Count(words, asked: 0, made: 1);
                    _lastGrants[(worker, words[1])] = _now();
                    break;
                case "did":
                    _others += words[1] == "try" ? OperationsOfTry : words[1] == "hold" ? 0 : 1;
                    _lastGrants[(worker, words[1])] = _now();
                    break;
                case "conflict":
                    Count(words, asked: -1, made: 0);
                    Conflicts++;
                    break;
                case "write":
                    Accepted += words[2] == "accepted" ? 1 : 0;
                    Refused += words[2] == "refused" ? 1 : 0;
                    break;
                case "cost":
                    _costs[worker] = (Number(words[1]), Number(words[2]), Number(words[3]));
                    break;
                case "wrong":
                    string[] what = line[(words[0].Length + 1)..].Split(": ", 2);
                    Add(new(what[0], $"worker {worker}: {what[1]}", _now()));
                    break;
                default:
                    Add(new("errors", $"worker {worker}: {line}", _now()));
                    break;
            }
        }
    }

    private void Add(Violation wrong)
    {
        _wrongs.Add(wrong);
        _tell($"{wrong.Oracle}: {wrong.What}");
    }

    private void Count(string[] words, int asked, int made)
    {
        var before = _additions.GetValueOrDefault((words[1], words[2]));
        _additions[(words[1], words[2])] = new(before.Asked + asked, before.Made + made);
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
