using System.Globalization;
using Conclave.Storage;

namespace Conclave;

/// <summary>
/// A small entry of a session that is put together with a change of something durable: it tells afterwards whether that change was applied, and
/// no older change survives the next one.
/// </summary>
/// <param name="key">Its key.</param>
internal sealed class ChangeMark(string key)
{
    private const string Kind = "change";

    public string Key => key;

    /// <summary>Its revision as far as we know; 0 when it was never put. A change of an earlier caller, who gave up, may still have landed since.</summary>
    public long Revision { get; set; }

    public Condition AsKnown => Revision == 0 ? Condition.Absent(key) : Condition.Unchanged(key, Revision);

    public static string KeyOf(SessionId session, int number) => string.Create(CultureInfo.InvariantCulture, $"{Kind}/{session.Value}/{number}");
}

/// <summary>The marks of one session: as many as there are changes at the same time.</summary>
/// <param name="session">The session.</param>
internal sealed class ChangeMarks(SessionId session)
{
    private readonly Lock _lock = new();
    private readonly Stack<ChangeMark> _free = [];
    private int _made;

    public ChangeMark Rent()
    {
        lock (_lock)
        {
            return _free.TryPop(out var mark) ? mark : new(ChangeMark.KeyOf(session, _made++));
        }
    }

    public void Return(ChangeMark mark)
    {
        lock (_lock)
        {
            _free.Push(mark);
        }
    }
}
