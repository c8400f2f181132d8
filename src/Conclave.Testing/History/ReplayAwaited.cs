using System.Runtime.InteropServices;
using Conclave.Storage;

namespace Conclave.Testing;

/// <summary>
/// What operations that are left still have to meet: an entry with a revision, a session that lives. Neither comes back, so nothing that ends
/// one of them may be placed before.
/// </summary>
internal sealed class ReplayAwaited
{
    private readonly (string Key, long Revision)[][] _entries;
    private readonly SessionId[][] _sessions;
    private readonly Dictionary<(string Key, long Revision), int> _entriesLeft = [];
    private readonly Dictionary<SessionId, int> _sessionsLeft = [];
    private readonly List<ReplayNode> _nodes;

    public ReplayAwaited(List<ReplayNode> nodes, HashSet<long> known)
    {
        _nodes = nodes;
        _entries = [.. nodes.Select(n => n.IsOptional ? [] : Entries(n).Where(e => known.Contains(e.Revision) && e.Revision != n.Exact).Distinct().ToArray())];
        _sessions = [.. nodes.Select(n => n.IsOptional ? [] : Sessions(n).Distinct().ToArray())];
        foreach (var node in nodes)
        {
            Add(node, 1);
        }
    }

    public void Place(ReplayNode node) => Add(node, -1);

    public void TakeBack(ReplayNode node) => Add(node, 1);

    /// <summary>Whether placing a node now would take away what another one has to meet.</summary>
    public ReplayMismatch? Check(ReplayNode node, StoreModel model)
    {
        if (node.Kind is ReplayKind.Close or ReplayKind.End)
        {
            var session = node.Operation.Session!.Value;
            return model.IsAlive(session) && _sessionsLeft.GetValueOrDefault(session) > 0
                ? new([ReplayState.SessionKey(session)], $"session {session} ended, but another operation found it alive afterwards", "ended")
                : model.Entries.Where(e => e.Session == session).Select(e => Check(node, e)).FirstOrDefault(m => m is not null);
        }

        foreach (var write in node.Kind == ReplayKind.Commit ? node.Operation.Transaction!.Writes : [])
        {
            if (model.Find(write.Key) is { } entry && Check(node, entry) is { } why)
            {
                return why;
            }
        }

        return null;
    }

    private static IEnumerable<(string Key, long Revision)> Entries(ReplayNode node)
    {
        var seen = node.Kind is ReplayKind.Commit or ReplayKind.RefusalReads ? node.Operation.Result?.Reads.SelectMany(r => r).Select(e => (e.Key, e.Revision)) : null;
        var expected = node.Kind == ReplayKind.Commit ? node.Operation.Transaction!.Conditions.Select(c => (c.Key, c.Revision)) : [];
        return expected.Concat(seen ?? []);
    }

    private static IEnumerable<SessionId> Sessions(ReplayNode node) => node.Kind switch
    {
        ReplayKind.Commit => node.Operation.Transaction!.Writes.Where(w => w.Session is not null).Select(w => w.Session!.Value),
        ReplayKind.Renewal when node.Operation.Renewed => [node.Operation.Session!.Value],
        _ => [],
    };

    private void Add(ReplayNode node, int change)
    {
        foreach (var entry in _entries[node.Index])
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_entriesLeft, entry, out _) += change;
        }

        foreach (var session in _sessions[node.Index])
        {
            CollectionsMarshal.GetValueRefOrAddDefault(_sessionsLeft, session, out _) += change;
        }
    }

    private ReplayMismatch? Check(ReplayNode node, Entry entry)
    {
        int left = _entriesLeft.GetValueOrDefault((entry.Key, entry.Revision));
        if (left == 0 || (left == 1 && _entries[node.Index].Contains((entry.Key, entry.Revision))))
        {
            return null;
        }

        var other = _nodes.First(n => n != node && !n.IsPlaced && _entries[n.Index].Contains((entry.Key, entry.Revision)));
        string text = $"it replaced {StoreText.Key(entry.Key)}, which was {StoreText.Entry(entry)}, but client {other.Operation.Client}, {other.Start}..{other.End}, met that as well, and fits neither before nor after";
        return new([entry.Key], text, $"{entry.Key}:{entry.Revision}:{other.Start}");
    }
}
