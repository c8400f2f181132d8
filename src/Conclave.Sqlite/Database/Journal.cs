using System.Text;
using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>
/// The revisions and which keys each of them changed. The newest row is the revision counter of the store, so a commit writes one page for both;
/// it is never deleted. Readers follow the journal to know whom to wake.
/// </summary>
internal sealed class Journal(Connection connection, string realPath, ChangeHints hints)
{
    /// <summary>How many revisions stay readable for those who wait; older ones are forgotten, which wakes everybody once.</summary>
    internal const int Kept = 2048;

    private const int PruneEvery = 256;

    private readonly Statement _append = connection.Prepare("INSERT INTO journal(keys) VALUES(?1)");
    private readonly Statement _jump = connection.Prepare("INSERT INTO journal(revision, keys) SELECT coalesce(max(revision), 0) + ?2, ?1 FROM journal");
    private readonly Statement _newest = connection.Prepare("SELECT max(revision) FROM journal");
    private readonly Statement _after = connection.Prepare("SELECT revision, keys FROM journal WHERE revision > ?1 ORDER BY revision");
    private readonly Statement _prune = connection.Prepare("DELETE FROM journal WHERE revision <= ?1");
    private readonly List<(string Key, long Revision)> _pending = [];
    private readonly byte[] _path = Encoding.UTF8.GetBytes(realPath + '\0');
    private byte[] _keys = new byte[1024];
    private long _published;
    private bool _announcing;
    private bool _appended;

    /// <summary>Nobody waits in this process any more, so commits need not be announced; <see cref="CatchUp"/> begins anew.</summary>
    public void StopAnnouncing() => _announcing = false;

    /// <summary>The revision of the state that the current transaction sees; 0 for an empty store.</summary>
    public long Newest()
    {
        _newest.Step();
        long revision = _newest.Integer(0);
        _newest.Reset();
        return revision;
    }

    /// <summary>Adds a revision to the current transaction.</summary>
    /// <param name="keys">The keys it changes.</param>
    /// <param name="jump">How far the revision moves; 1 except after a reboot.</param>
    /// <returns>The revision.</returns>
    public long Append(ReadOnlySpan<string> keys, long jump = 1)
    {
        var statement = jump == 1 ? _append : _jump;
        statement.BindText(1, Join(keys));
        if (jump != 1)
        {
            statement.Bind(2, jump);
        }

        statement.Run();
        long revision = connection.LastRow;
        _appended = true;
        if (_announcing)
        {
            foreach (string key in keys)
            {
                _pending.Add((key, revision));
            }
        }

        if (revision % PruneEvery == 0)
        {
            _prune.Bind(1, revision - Kept);
            _prune.Run();
        }

        return revision;
    }

    /// <summary>Wakes who waits for what the transaction that just committed has changed.</summary>
    public void Announce()
    {
        if (_appended)
        {
            // other processes watch the times of the file: a sign that comes after the commit is visible, and only once
            _appended = false;
            Native.Touch(_path);
        }

        if (_pending.Count == 0)
        {
            return;
        }

        if (_pending[0].Revision == _published + 1)
        {
            foreach (var (key, revision) in _pending)
            {
                hints.Publish(key, revision);
            }

            _published = _pending[^1].Revision;
            _pending.Clear();
        }
        else
        {
            // others have committed in between; hints want to be told in the order of revisions
            CatchUp();
        }
    }

    /// <summary>Forgets what the transaction that was rolled back had changed.</summary>
    public void Drop()
    {
        _appended = false;
        _pending.Clear();
    }

    /// <summary>Reads what anybody has committed since the last look, and wakes who waits for it. From now on own commits are announced.</summary>
    public void CatchUp()
    {
        _announcing = true;
        _pending.Clear();
        long published = _published;
        _after.Bind(1, published);
        while (_after.Step())
        {
            long revision = _after.Integer(0);
            if (revision != published + 1)
            {
                // pruned, or the jump of a reboot: what lies between can be known only by reading the entries again
                hints.Forget(revision - 1);
            }

            Publish(_after.Bytes(1), revision);
            published = revision;
        }

        _published = published;
    }

    private void Publish(ReadOnlySpan<byte> keys, long revision)
    {
        foreach (var range in keys.Split((byte)'\n'))
        {
            hints.Publish(Encoding.UTF8.GetString(keys[range]), revision);
        }
    }

    // keys hold no control characters, so a line is a key; no keys at all become an empty line, because an empty text would bind as NULL
    private ReadOnlySpan<byte> Join(ReadOnlySpan<string> keys)
    {
        int length = 0;
        foreach (string key in keys)
        {
            int needed = length + Encoding.UTF8.GetMaxByteCount(key.Length) + 1;
            if (needed > _keys.Length)
            {
                Array.Resize(ref _keys, Math.Max(needed, 2 * _keys.Length));
            }

            length += Encoding.UTF8.GetBytes(key, _keys.AsSpan(length));
            _keys[length++] = (byte)'\n';
        }

        return _keys.AsSpan(0, length - 1);
    }
}
