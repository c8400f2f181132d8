using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Text;
using Conclave.Storage;

namespace Conclave.Sqlite;

/// <summary>What is known about a key before it is written.</summary>
/// <param name="Revision">Its last revision; 0 when it is absent.</param>
/// <param name="IsDurable">Whether it exists and belongs to no session.</param>
internal readonly record struct Found(long Revision, bool IsDurable);

/// <summary>The entries in the file. BINARY collation over UTF-8 is the contract's order of keys.</summary>
internal sealed class EntryTable(Connection connection)
{
    private readonly Statement _look = connection.Prepare("SELECT revision, session IS NULL FROM entries WHERE key = ?1");
    private readonly Statement _get = connection.Prepare("SELECT key, session, created, revision, value FROM entries WHERE key = ?1");
    private readonly Statement _scan = connection.Prepare(
        "SELECT key, session, created, revision, value FROM entries WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3");
    private readonly Statement _insert = connection.Prepare(
        "INSERT INTO entries(key, session, created, revision, value) VALUES(?1, ?2, ?3, ?3, ?4)");
    private readonly Statement _update = connection.Prepare("UPDATE entries SET revision = ?2, value = ?3 WHERE key = ?1");
    private readonly Statement _delete = connection.Prepare("DELETE FROM entries WHERE key = ?1");

    public Found Look(string key)
    {
        _look.Bind(1, key);
        var found = _look.Step() ? new Found(_look.Integer(0), _look.Integer(1) != 0) : default;
        _look.Reset();
        return found;
    }

    public void Put(in Write write, bool exists, long revision)
    {
        var statement = exists ? _update : _insert;
        statement.Bind(1, write.Key);
        if (exists)
        {
            statement.Bind(2, revision);
            statement.BindBlob(3, write.Value.Span);
        }
        else
        {
            statement.BindTextOrNull(2, write.Session?.Value);
            statement.Bind(3, revision);
            statement.BindBlob(4, write.Value.Span);
        }

        statement.Run();
    }

    public void Delete(string key)
    {
        _delete.Bind(1, key);
        _delete.Run();
    }

    public ImmutableArray<Entry> Get(string key)
    {
        _get.Bind(1, key);
        ImmutableArray<Entry> found = _get.Step() ? [Current(_get, key)] : [];
        _get.Reset();
        return found;
    }

    public ImmutableArray<Entry> Scan(in Read scan)
    {
        BindRange(scan);
        _scan.Bind(3, scan.Limit == int.MaxValue ? -1 : scan.Limit);
        if (!_scan.Step())
        {
            return [];
        }

        var found = ImmutableArray.CreateBuilder<Entry>(1);
        do
        {
            found.Add(Current(_scan, _scan.Text(0)));
        }
        while (_scan.Step());
        return found.DrainToImmutable();
    }

    private static Entry Current(Statement row, string key) => new(
        key, row.Bytes(4).ToArray(), row.Integer(2), row.Integer(3), row.TextOrNull(1) is { } session ? new SessionId(session) : null);

    // Keys hold no control characters and are valid UTF-8: the key behind K is at least K + U+0001, all keys with a prefix are below
    // the prefix with its last byte plus one, and every key is below 0xFF.
    [SkipLocalsInit]
    private void BindRange(in Read scan)
    {
        Span<byte> bytes = stackalloc byte[StoreLimits.MaxKeyBytes + 1];
        int length = Encoding.UTF8.GetBytes(scan.Key, bytes);
        if (length == 0)
        {
            bytes[0] = 0xff;
            length = 1;
        }
        else
        {
            bytes[length - 1]++;
        }

        _scan.BindText(2, bytes[..length]);
        bool continued = scan.StartAfter is { } startAfter && KeyOrder.Instance.Compare(startAfter, scan.Key) >= 0;
        length = Encoding.UTF8.GetBytes(continued ? scan.StartAfter : scan.Key, bytes);
        if (continued || length == 0)
        {
            bytes[length++] = 1;
        }

        _scan.BindText(1, bytes[..length]);
    }
}
